#!/usr/bin/env python3
"""Makes src/ctxfit/_layout.py, _enums.py and _records.py from include/ctxfit/*.h.

  generate.py           write them
  generate.py --check   fail where they are not what the headers say

The headers' comments are read too: a member that names `CTXFIT_X_*` is of that enumeration, one whose comment names UINT64_MAX may be
None, one that starts "1 when", "1 for" or "1:" is a bool. tests/test_layout.py compares the result with what a C compiler says.
"""
import keyword
import pathlib
import re
import sys
import textwrap
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = HERE / "src" / "ctxfit"
HEADERS = ["base", "quant", "gguf", "hf", "model", "modelfile", "hw", "engine", "plan", "projector", "beside", "place", "rank", "store"]
NOTE = '# Made by generate.py from include/ctxfit/*.h: do not edit.\n'

MAXIMA = {"UINT32_MAX": 2**32 - 1, "UINT64_MAX": 2**64 - 1}
CTYPES = {
    "uint8_t": "c_uint8", "int32_t": "c_int32", "uint32_t": "c_uint32", "int64_t": "c_int64", "uint64_t": "c_uint64",
    "double": "c_double", "size_t": "c_size_t", "char": "c_char",
}
# prefix of the constants -> name of the class that Python shows, and whether its values are bits
ENUMS = {
    "CTXFIT_E_": ("Status", False), "CTXFIT_DIALECT_": ("Dialect", False), "CTXFIT_QUANT_F_": ("QuantFlags", True),
    "CTXFIT_FILE_TYPE_F_": ("FileTypeFlags", True), "CTXFIT_GGUF_": ("GgufType", False), "CTXFIT_GGUF_F_": ("GgufFlags", True),
    "CTXFIT_ATTENTION_": ("Attention", False), "CTXFIT_STATE_": ("State", False), "CTXFIT_FF_": ("FeedForward", False),
    "CTXFIT_LAYER_F_": ("LayerFlags", True), "CTXFIT_ROPE_SCALING_": ("RopeScaling", False), "CTXFIT_MODEL_F_": ("ModelFlags", True),
    "CTXFIT_DEVICE_": ("DeviceKind", False), "CTXFIT_BACKEND_": ("Backend", False), "CTXFIT_CHOICE_": ("Choice", False),
    "CTXFIT_HW_DETECT_": ("DetectFlags", True), "CTXFIT_FORM_": ("Form", False), "CTXFIT_CONFIDENCE_": ("Confidence", False),
    "CTXFIT_ENTRY_": ("EntryKind", False),
    "CTXFIT_SPLIT_": ("Split", False), "CTXFIT_PLAN_F_": ("PlanFlags", True), "CTXFIT_PARAMETER_": ("Parameter", True), "CTXFIT_FIT_": ("Fit", False),
    "CTXFIT_CTX_FROM_": ("ContextSource", False), "CTXFIT_DIFFERS_": ("Differs", False),
    "CTXFIT_LIMIT_": ("Limit", False), "CTXFIT_BASIS_": ("Basis", False), "CTXFIT_CHECK_": ("Outcome", True),
    "CTXFIT_OBJECTIVE_": ("Objective", False), "CTXFIT_OPEN_": ("Open", True), "CTXFIT_GOAL_F_": ("GoalFlags", True),
    "CTXFIT_CHANGE_": ("ChangeKind", False), "CTXFIT_SET_": ("SetVerdict", False), "CTXFIT_ARGUMENT_": ("Argument", False),
    "CTXFIT_DTYPE_": ("Dtype", False), "CTXFIT_CHECKPOINT_QUANT_": ("CheckpointQuant", False),
    "CTXFIT_CHECKPOINT_F_": ("CheckpointFlags", True), "CTXFIT_COMPANION_": ("CompanionKind", False),
    "CTXFIT_COMPANION_F_": ("CompanionFlags", True), "CTXFIT_PART_": ("Part", False), "CTXFIT_BESIDE_": ("BesideKind", False),
    "CTXFIT_PROJECTOR_F_": ("ProjectorFlags", True), "CTXFIT_ENCODER_F_": ("EncoderFlags", True),
    "CTXFIT_STORE_": ("StoreKind", False), "CTXFIT_STORED_F_": ("StoredFlags", True),
}
NOT_CLASSES = ("CTXFIT_QUANT_DEFAULT", "CTXFIT_FILE_TYPE_DEFAULT")  # the first names of lists that a program asks for by name
# struct -> the dataclass that shows it; the others are input or have a class of their own
RECORDS = {
    "ctxfit_quant_info": "QuantInfo", "ctxfit_file_type_info": "FileTypeInfo", "ctxfit_gguf_key": "GgufKey",
    "ctxfit_tensor_info": "TensorInfo", "ctxfit_layer_info": "Layer", "ctxfit_model_info": "ModelInfo", "ctxfit_device": "Device",
    "ctxfit_engine_info": "Engine", "ctxfit_plan_summary": "Summary", "ctxfit_plan_device": "PlanDevice", "ctxfit_plan_engine": "PlanEngine",
    "ctxfit_difference": "Difference", "ctxfit_hw_entry": "HardwareEntry", "ctxfit_rank_row": "RankRow",
    "ctxfit_constraint": "Constraint", "ctxfit_estimate": "Estimate", "ctxfit_check": "Check",
    "ctxfit_place_summary": "PlaceSummary", "ctxfit_plan_part": "PlanPart", "ctxfit_change": "Change", "ctxfit_line": "Line",
    "ctxfit_hf_tensor": "HfTensor", "ctxfit_checkpoint_info": "Checkpoint", "ctxfit_checkpoint_layer": "CheckpointLayer", "ctxfit_companion": "Companion",
    "ctxfit_plan_beside": "PlanBeside", "ctxfit_projector_memory": "ProjectorMemory",
}
NAMED = {"TensorInfo", "GgufKey", "HfTensor"}  # C finds their name by place; Python shows it beside the rest
RENAMED = {("ctxfit_quant_info", "quant"): "name", ("ctxfit_file_type_info", "file_type"): "name"}
INPUTS = {"Device", "Layer", "ModelInfo"}  # also made by callers: what they leave out is 0
# what Python adds to a record: name, type, meaning, expression
PROPERTIES = {
    "Check": ("ok", "bool", "Whether the request passes.", "self.outcome == Outcome.OK"),
    "TensorInfo": ("shape", "Tuple[int, ...]", "The dimensions that it has; the first is the length of a row.", "self.dims[: self.n_dims]"),
}


class Constant(NamedTuple):
    name: str
    value: int
    note: str


class Member(NamedTuple):
    name: str
    ctype: str
    length: Optional[int]
    note: str


class Struct(NamedTuple):
    name: str
    note: str
    members: List[Member]


class Function(NamedTuple):
    name: str
    result: str
    arguments: List[str]


class Headers(NamedTuple):
    constants: Dict[str, Constant]
    enums: List[Tuple[str, List[Constant]]]
    structs: List[Struct]
    functions: List[Function]


def one_line(comment: str) -> str:
    text = re.sub(r"\s+\*?\s*", " ", re.sub(r"/\*\*<?|\*/", "", comment))
    return re.sub(r"\s*@since [\d.]+", "", text).strip()


def value_of(text: str, known: Dict[str, Constant]) -> int:
    """What a constant expression of the headers is: numbers, shifts, names."""
    text = re.sub(r"\b(\d+)u\b", r"\1", text).strip("() ")
    text = re.sub(r"[A-Z]\w+", lambda m: str(MAXIMA[m[0]] if m[0] in MAXIMA else known[m[0]].value), text)
    if not re.fullmatch(r"[-\d\s<|]+", text):
        raise ValueError(f"not a constant: {text}")
    return int(eval(text, {"__builtins__": {}}))  # digits, shifts and ors only, by the line above


def read_defines(text: str, known: Dict[str, Constant]) -> None:
    for name, value, note in re.findall(r"^#define (CTXFIT_\w+) +([^{\n/]+?) *(/\*\*<.*\*/)?$", text, re.M):
        if not name.endswith(("_H", "_INIT", "_API")):
            known[name] = Constant(name, value_of(value, known), one_line(note))


def read_enums(text: str, known: Dict[str, Constant]) -> Iterator[Tuple[str, List[Constant]]]:
    for note, body in re.findall(r"(?:/\*\*((?:(?!\*/).)*)\*/\s*)?^enum \{(.*?)\};", text, re.M | re.S):
        members: List[Constant] = []
        following = 0
        for name, value, comment in re.findall(r"(CTXFIT_\w+)\s*(?:=\s*([^,/}]+?))?\s*(?:,|(?=/)|$|\s(?=\}))\s*(/\*\*<.*?\*/)?", body, re.S):
            following = value_of(value, known) if value else following
            members.append(Constant(name, following, one_line(comment)))
            known[name] = members[-1]
            following += 1
        yield one_line(note), members


def read_structs(text: str, known: Dict[str, Constant]) -> Iterator[Struct]:
    for note, name, body in re.findall(r"/\*\*((?:(?!\*/).)*)\*/\s*^typedef struct (\w+) \{(.*?)^\}", text, re.M | re.S):
        if "(*" in body:  # ctxfit_allocator: Python lets C use malloc
            continue
        members = []
        for ctype, member, count, comment in re.findall(r"(\w+)\s+(\w+)(?:\[(\w+)\])?;\s*(/\*\*<.*?\*/)", body, re.S):
            size = None if not count else int(count) if count.isdigit() else known[count].value
            members.append(Member(member, ctype, size, one_line(comment)))
        if len(members) != len(re.findall(";", re.sub(r"/\*.*?\*/", "", body, flags=re.S))):
            raise ValueError(f"{name}: a member was not understood")
        yield Struct(name, one_line(note), members)


def read_functions(text: str) -> Iterator[Function]:
    plain = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for result, name, arguments in re.findall(r"^CTXFIT_API ([^;(]*?)(ctxfit_\w+)\(([^;]*)\);", plain, re.M | re.S):
        words = [" ".join(a.split()) for a in arguments.split(",")]
        yield Function(name, result.strip(), [] if words == ["void"] else words)


def read_headers() -> Headers:
    found = Headers({}, [], [], [])
    for header in HEADERS:
        text = (ROOT / "include" / "ctxfit" / f"{header}.h").read_text(encoding="utf-8")
        read_defines(text, found.constants)
        found.enums.extend(read_enums(text, found.constants))
        found.structs.extend(read_structs(text, found.constants))
        found.functions.extend(read_functions(text))
    return found


# ---- _layout.py ---------------------------------------------------------------------------------------------------------------
def ctype_of(name: str, aliases: Dict[str, str]) -> str:
    name = aliases.get(name, name)
    return f"ctypes.{CTYPES[name]}" if name in CTYPES else name


def argument_type(words: str, aliases: Dict[str, str], structs: List[str]) -> str:
    """ctypes of one argument. Handles and optional pointers are c_void_p, which takes None, byref() and owners alike."""
    array = re.fullmatch(r"const (\w+) \w+\[(\d+)\]", words)
    if array:
        return f"ctypes.POINTER({ctype_of(array[1], aliases)})"
    kind = re.sub(r"\w+$", "", words).strip()
    if kind == "const char *":
        return "ctypes.c_char_p"
    if kind.endswith("*"):
        base = re.sub(r"\bconst\b|\*", "", kind).strip()
        if kind.count("*") == 1 and (base in structs or aliases.get(base, base) in CTYPES) and not re.match(r"const\b", kind) and base != "char":
            return f"ctypes.POINTER({ctype_of(base, aliases)})"
        return "ctypes.c_void_p"
    return ctype_of(kind, aliases)


def python_type(member: Member, aliases: Dict[str, str]) -> str:
    if member.ctype == "char":
        return "bytes"
    if member.length is not None:
        return "ctypes.Array[%s]" % ctype_of(member.ctype, aliases)
    base = aliases.get(member.ctype, member.ctype)
    return member.ctype if base not in CTYPES else "float" if base == "double" else "int"


def write_layout(found: Headers, aliases: Dict[str, str]) -> str:
    names = [s.name for s in found.structs]
    version = ".".join(str(found.constants[f"CTXFIT_VERSION_{p}"].value) for p in ("MAJOR", "MINOR", "PATCH"))
    lines = [NOTE + '"""Constants, structs and functions of the C library."""\nfrom __future__ import annotations\n\nimport ctypes\n'
             "from typing import Any, Dict, List, Tuple\n", f'VERSION = "{version}"', ""]
    lines += [f"{c.name} = {c.value}" for c in found.constants.values()]
    for struct in found.structs:
        lines += ["", "", f"class {struct.name}(ctypes.Structure):"]
        lines += [f"    {m.name}: {python_type(m, aliases)}" for m in struct.members]
        lines.append("    _fields_ = [")
        for m in struct.members:
            kind = ctype_of(m.ctype, aliases)
            lines.append(f'        ("{m.name}", {kind if m.length is None else f"{kind} * {m.length}"}),')
        lines.append("    ]")
    lines += ["", "", "#: every struct, by its name in C", "STRUCTS: Dict[str, Any] = {"] + [f'    "{n}": {n},' for n in names] + ["}", ""]
    lines += ["#: every function: what it returns and takes", "FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {"]
    for f in found.functions:
        result = {"void": "None", "const char *": "ctypes.c_char_p", "const ctxfit_plan *": "ctypes.c_void_p",
                  "const ctxfit_place *": "ctypes.c_void_p", "const ctxfit_hw *": "ctypes.c_void_p"}.get(f.result) or ctype_of(f.result, aliases)
        arguments = ", ".join(argument_type(a, aliases, names) for a in f.arguments)
        lines.append(f'    "{f.name}": ({result}, [{arguments}]),')
    return "\n".join(lines + ["}", ""])


# ---- _enums.py ----------------------------------------------------------------------------------------------------------------
def prefix_of(members: List[Constant]) -> Optional[str]:
    fitting = [p for p in ENUMS if all(m.name.startswith(p) or m.name == "CTXFIT_OK" for m in members)]
    return max(fitting, key=len) if fitting and members[0].name not in NOT_CLASSES else None


def member_name(constant: str, prefix: str) -> str:
    name = constant[len(prefix):] if constant.startswith(prefix) else constant[len("CTXFIT_"):]
    return name + "_" if keyword.iskeyword(name) else name


def write_enums(found: Headers) -> str:
    lines = [NOTE + '"""Enumerations of the library. Values are those of C and never change."""\nfrom __future__ import annotations\n\nimport enum\n']
    classes = []
    seen = set()
    for note, members in found.enums:
        prefix = prefix_of(members)
        if prefix is None:
            if members[0].name not in NOT_CLASSES:
                raise ValueError(f"generate.py: ENUMS lacks the enumeration of {members[0].name}")
            continue
        name, bits = ENUMS[prefix]
        seen.add(prefix)
        classes.append(name)
        lines += ["", f"class {name}(enum.{'IntFlag' if bits else 'IntEnum'}):", f'    """{python_text(note) or name}"""', ""]
        for m in members:
            lines.append(f"    {member_name(m.name, prefix)} = {m.value}")
            if m.note:
                lines[-1:] = [f"    #: {python_text(m.note)}", lines[-1]]
        lines.append("")
    if seen != set(ENUMS):
        raise ValueError(f"generate.py: the headers have no {set(ENUMS) - seen}")
    lines += ["", "__all__ = ["] + [f'    "{name}",' for name in sorted(classes)] + ["]", ""]
    return "\n".join(lines)


def python_text(note: str) -> str:
    """A header's comment without the marks of C's documentation."""
    note = re.sub(r"#?\bctxfit_(\w+)", lambda m: RECORDS.get(m[0].lstrip("#"), m[0].lstrip("#")), note)
    note = re.sub(r"\b(CTXFIT_[A-Z0-9_]+_)\*", lambda m: ENUMS[m[1]][0], note)
    note = re.sub(r"^1(?=:| when| for)", "True", re.sub(r"UINT(32|64)_MAX", "None", note)).replace("; 0: ", "; False: ")
    return note.replace("`", "").replace("\\", "\\\\")


# ---- _records.py --------------------------------------------------------------------------------------------------------------
def record_type(struct: Struct, m: Member) -> Tuple[str, str]:
    """Python's type of a member and how it is made from the value `s.name`."""
    value = f"s.{m.name}"
    mentioned = [name for prefix, (name, _) in ENUMS.items() if f"{prefix}*" in m.note]
    maximum = re.search(r"UINT(32|64)_MAX", m.note)
    same = re.search(r"the same as `(\w+)`$", m.note)
    if same and not mentioned and m.ctype == "uint32_t":
        other = next(o for o in struct.members if o.name == same[1])
        kind, _ = record_type(struct, other)
        return kind, f"known({kind}, {value})"
    if m.ctype == "ctxfit_file_type":
        return "Optional[str]", f"file_type_name({value})"
    if m.ctype == "ctxfit_quant" or m.note.startswith("ctxfit_quant of "):  # hf.h stands below quant.h
        return "Optional[str]", f"format_name(lib.ctxfit_quant_name, {value})"
    if m.ctype in RECORDS:
        return RECORDS[m.ctype], f"{RECORDS[m.ctype]}._of({value})"
    if m.ctype == "char":
        return "str", f'{value}.decode("utf-8", "replace")'
    if m.length is not None:
        return "Tuple[int, ...]", f"tuple({value})"
    if m.ctype == "double":
        return "float", value
    if mentioned:
        return mentioned[0], f"known({mentioned[0]}, {value})"
    if re.match(r"1(:| when| for)", m.note):
        return "bool", f"bool({value})"
    if maximum:
        return "Optional[int]", f"None if {value} == {MAXIMA[maximum[0]]:#x} else {value}"
    return "int", value


def default_of(kind: str, values: Dict[str, List[int]]) -> str:
    if kind in ("int", "float", "str", "bool"):
        return {"int": " = 0", "float": " = 0.0", "str": ' = ""', "bool": " = False"}[kind]
    if kind.startswith("Optional"):
        return " = None"
    return f" = {kind}(0)" if 0 in values[kind] or ENUM_IS_BITS[kind] else ""


ENUM_IS_BITS = dict(ENUMS.values())


def record_lines(struct: Struct, values: Dict[str, List[int]]) -> List[str]:
    name = RECORDS[struct.name]
    members = [m for m in struct.members if m.name != "struct_size" and not m.name.startswith("reserved")]
    lines = ["", "", "@dataclass(frozen=True)", f"class {name}:", f'    """{python_text(struct.note)}"""', ""]
    if name in NAMED:
        lines += ["    name: str"]
    for m in members:
        kind, _ = record_type(struct, m)
        default = default_of(kind, values) if name in INPUTS else ""
        lines += [f"    #: {python_text(m.note)}", f"    {RENAMED.get((struct.name, m.name), m.name)}: {kind}{default}"]
    lines += ["", "    @classmethod", f"    def _of(cls, s: L.{struct.name}{', name: str' if name in NAMED else ''}) -> {name}:", "        return cls("]
    lines += ["            name,"] if name in NAMED else []
    lines += [f"            {record_type(struct, m)[1]}," for m in members] + ["        )"]
    if name in PROPERTIES:
        prop, kind, note, expression = PROPERTIES[name]
        lines += ["", "    @property", f"    def {prop}(self) -> {kind}:", f'        """{note}"""', f"        return {expression}"]
    return lines


def write_records(found: Headers) -> str:
    values: Dict[str, List[int]] = {}
    for _, constants in found.enums:
        prefix = prefix_of(constants)
        if prefix is not None:
            values[ENUMS[prefix][0]] = [c.value for c in constants]
    text = "\n".join(line for s in found.structs if s.name in RECORDS for line in record_lines(s, values))
    used = [name for name in sorted(ENUM_IS_BITS) if re.search(rf"\b{name}\b", text)]
    head = [NOTE + '"""What the library answers, as frozen dataclasses. Sizes are bytes, contexts tokens, rates per second."""',
            "from __future__ import annotations\n", "from dataclasses import dataclass", "from typing import Optional, Tuple\n",
            "from . import _layout as L", "from ._enums import (", *[f"    {u}," for u in used], ")",
            "from ._library import file_type_name, format_name, known, lib", ""]
    tail = ["", "", "__all__ = [", *[f'    "{n}",' for n in sorted(RECORDS.values())], "]", ""]
    return "\n".join(head) + text + "\n".join(tail)


def main() -> int:
    aliases = {"ctxfit_status": "int32_t", "ctxfit_quant": "uint32_t", "ctxfit_file_type": "uint32_t"}
    found = read_headers()
    files = {"_layout.py": write_layout(found, aliases), "_enums.py": write_enums(found), "_records.py": write_records(found)}
    stale = []
    for name, text in files.items():
        path = PACKAGE / name
        if "--check" not in sys.argv:
            path.write_bytes(text.encode())
        elif not path.exists() or path.read_bytes() != text.encode():
            stale.append(name)
    print(f"stale: {', '.join(stale)}; run bindings/python/generate.py" if stale else
          f"{len(found.functions)} functions, {len(found.structs)} structs, {len(found.constants)} constants")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
