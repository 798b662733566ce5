"""Load: many gateways that speak the whole contract, from few processes and without devices."""
