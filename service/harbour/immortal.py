"""Has Python stop counting references to what there is before the fork, so that workers go on sharing it after it.

The count stands in the object: whoever only looks at one writes to its page, and each process gets a copy of that page.
Since PEP 683 Python neither counts nor frees objects whose count is that of None.
"""

import ctypes
import gc
import sys


def make_immortal() -> None:
    """Give every object, and what it holds, the count of None. Python before 3.13 has no way to do so, and goes on."""
    set_count = getattr(ctypes.pythonapi, "_Py_SetRefcnt", None)
    if set_count is None:
        return
    # What Py_SET_REFCNT is in Python's stable ABI.
    set_count.argtypes, set_count.restype = [ctypes.py_object, ctypes.c_ssize_t], None
    uncounted = sys.getrefcount(None)
    for found in gc.get_objects():
        for one in (found, *gc.get_referents(found)):
            if sys.getrefcount(one) != uncounted:
                set_count(one, uncounted)
