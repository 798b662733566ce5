"""Device knowledge as data: classes (what a kind of device offers), profiles (how an instrument speaks)."""
