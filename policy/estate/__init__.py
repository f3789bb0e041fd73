"""The estate: declared objects plus what the operators will make of them, and the doors through which it is read."""
