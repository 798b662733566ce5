"""One task for each physical bus: it polls, obeys orders, and never lets one silent unit harm the others."""
