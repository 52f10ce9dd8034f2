"""Which classes a module has, what their constructors take, and what their parts are called."""
