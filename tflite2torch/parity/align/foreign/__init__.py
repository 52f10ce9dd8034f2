"""Lines a module that was written elsewhere up with the emitted one."""
