"""How instruments speak. A driver opens nothing itself: it plans requests and reads answers."""
