"""What each TFLite operator demands and means: one file for each family.

Importing this package imports all of them, and thereby registers the operators.
"""

import pkgutil
from importlib import import_module

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
