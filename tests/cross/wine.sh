#!/usr/bin/env bash
# Detection of the Windows library, run by wine: memory, processor, cards by the registry, a stand-in for nvml.dll.   wine.sh BUILD SCRATCH
#
# BUILD holds the library for Windows (cross/run.sh makes it). Without wine, and where it cannot be installed, nothing is run, and that
# is said.
set -eu
cd "$(dirname "$0")/../.."
build=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)

find_wine() { command -v wine64 || command -v wine || ls /usr/lib/wine/wine64 2>/dev/null || true; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
wine=$(find_wine)
if [ -z "$wine" ] && command -v apt-get >/dev/null; then
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends wine64 >"$out/install.log" 2>&1 || true
    wine=$(find_wine)
fi
[ -n "$wine" ] || { echo "skipped: there is no wine here, and it cannot be installed"; exit 0; }

cc=x86_64-w64-mingw32-gcc
$cc -std=c11 -DCTXFIT_STATIC -Iinclude tests/cross/detect_here.c "$build/libctxfit_static.a" -ladvapi32 -o "$out/detect_here.exe"
$cc -std=c11 -shared -static-libgcc tests/support/nvml_standin.c -o "$out/standin.dll"

export WINEPREFIX=$out/prefix WINEDEBUG=-all DISPLAY=
if ! timeout 180 "$wine" "$out/detect_here.exe" >"$out/plain" 2>"$out/errors"; then
    # A system that lets no wine run (no 64-bit loader, a filter of system calls) is not a fault of the library.
    timeout 60 "$wine" cmd /c exit 0 >/dev/null 2>&1 || { echo "skipped: wine does not run here: $(tail -1 "$out/errors")"; exit 0; }
    cat "$out/plain" "$out/errors" >&2
    exit 1
fi

expect() { # file, text
    tr -d '\r' <"$out/$1" >"$out/$1.txt"
    grep -qF -- "$2" "$out/$1.txt" || { echo "wine: '$2' is not in what was found:" >&2; cat "$out/$1.txt" >&2; exit 1; }
}
kib=$(awk '$1 == "MemTotal:" {print $2}' /proc/meminfo)
expect plain "GlobalMemoryStatusEx: "
expect plain "registry: processor "
found=$(sed -n 's/.*GlobalMemoryStatusEx: \([0-9]*\) in total.*/\1/p' "$out/plain.txt")
# wine may count the limit of a container, never more than there is.
[ "$found" -gt 0 ] && [ "$found" -le $((kib * 1024)) ] || { echo "wine: $found bytes of memory, the system has $kib KiB" >&2; exit 1; }

key='HKLM\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}'
record() { # number, id, bytes, name
    "$wine" reg add "$key\\$1" /v MatchingDeviceId /t REG_SZ /d "$2" /f
    "$wine" reg add "$key\\$1" /v HardwareInformation.qwMemorySize /t REG_QWORD /d "$3" /f
    "$wine" reg add "$key\\$1" /v DriverDesc /t REG_SZ /d "$4" /f
} >/dev/null
record 0007 'PCI\VEN_1002&DEV_744C&REV_C8' 25753026560 'AMD Radeon RX 7900 XTX'
record 0008 'pci\ven_zzzz' 1 'not a card'
"$wine" "$out/detect_here.exe" >"$out/records" 2>/dev/null
if grep -q "^warning: the graphics cards could not be asked" "$out/records"; then # wine has no DXGI without a display
    expect records "spec: rx-7900-xtx(mem=24560MiB) host:"
    expect records "what is free on display 7 is not known"
fi
"$wine" "$out/detect_here.exe" "$("$wine" winepath -w "$out/standin.dll" | tr -d '\r')" >"$out/standin" 2>/dev/null
expect standin "rtx-4090(mem=24564MiB,free=12000MiB,link=15753MB/s)"
expect standin "MIG instance 1"
expect standin "nvml: driver 580.00"
"$wine" "$out/detect_here.exe" 'C:\no-such.dll' >"$out/missing" 2>/dev/null
expect missing "spec: "
echo "Windows under $("$wine" --version): memory, registry and a stand-in NVML are found"
