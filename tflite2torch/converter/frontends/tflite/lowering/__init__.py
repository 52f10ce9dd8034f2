"""The passes that lower what is TFLite's own: its layout, its padding, its batch of one."""
