"""The Lua scripts by which Redis does several things at once, or none of them."""

from __future__ import annotations

from pathlib import Path

_LUA = Path(__file__).parent / "lua"
#: Scripts that begin with what `_hand_off.lua` defines.
_HANDING_OFF = ("settle", "chunk", "reserve", "remember")


def script_texts() -> dict[str, str]:
    """The scripts by name, each with what it shares with others."""
    texts = {path.stem: path.read_text() for path in _LUA.glob("*.lua")}
    shared = texts.pop("_hand_off")
    return texts | {name: shared + texts[name] for name in _HANDING_OFF}
