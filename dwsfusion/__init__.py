"""DWSFusion: infrared–visible image fusion in 9,035 parameters (9,159 with the packaged weights).

from dwsfusion import Fuser

fused = Fuser.from_pretrained().fuse(ir, vis)
"""

from dwsfusion.depths import look_at_infrared
from dwsfusion.errors import ImageError, InputError
from dwsfusion.folders import fuse_folder
from dwsfusion.fusing import Fuser
from dwsfusion.pairs import Pair, find_pairs

__all__ = ["Fuser", "ImageError", "InputError", "Pair", "find_pairs", "fuse_folder", "look_at_infrared"]
