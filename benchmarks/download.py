"""Downloads side by side with ``hf``, ``aria2c``, ``curl`` and the bare loop: ``python -m benchmarks.download [SCENARIO]...``.

Needs nginx, and openssl for TLS; aria2c and curl take part where they are installed. Everything runs on this machine's loopback.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import stand, tools
from benchmarks.measure import Contender, compare, print_table

REPO = "acme/bench"
FLOOR = "bare loop"
MB = 1_000_000


class Bench:
    """A work folder with what the contenders need."""

    def __init__(self, work: Path, runs: int) -> None:
        self.work = work
        self.runs = runs
        self.files = work / "hub"
        self.out = work / "out"

    def repo_folder(self) -> Path:
        """The dataset's folder on the Hub, emptied."""
        folder = self.files / REPO
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def clear(self) -> None:
        """What a tool wrote goes before the next one starts."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()

    def hfsvc(self, name: str, endpoint: str, transport: str) -> Contender:
        """This project's command."""
        program = str(tools.hfsvc(self.work))
        command = [program, "download", "--repo", REPO, "--include", "**", "--root", str(self.out), "-q"]
        return Contender(name, command, {"HF_ENDPOINT": endpoint, "HFSVC_TRANSPORT": transport}, self.clear)

    def floor(self, url: str, size: int, sha256: str) -> Contender:
        """The bare loop, which no download in Python beats."""
        python = str(tools.hfsvc(self.work).with_name("python"))
        command = [python, "-m", "benchmarks.floor", url, str(size), sha256, str(self.out / "file")]
        return Contender(FLOOR, command, {"PYTHONPATH": str(tools.PROJECT)}, self.clear)

    def hf(self, endpoint: str) -> Contender:
        """The Hub's own command; it does not verify. Its cache lies in the output folder too."""
        program = str(tools.hf(self.work))
        command = [program, "download", "--repo-type", "dataset", REPO, "--local-dir", str(self.out), "-q"]
        env = {"HF_ENDPOINT": endpoint, "HF_HOME": str(self.out / "home"), "HF_HUB_DISABLE_TELEMETRY": "1"}
        return Contender("hf download", command, env, self.clear)

    def others(self, url: str, sha256: str) -> list[Contender]:
        """Plain downloaders of one file, where they are installed."""
        target = str(self.out / "file")
        aria2c = [
            "aria2c",
            "-q",
            "-x8",
            "-s8",
            "-k1M",
            f"--checksum=sha-256={sha256}",
            "-d",
            str(self.out),
            "-o",
            "file",
        ]
        found = [("aria2c -x8 --checksum", [*aria2c, url]), ("curl (one stream)", ["curl", "-s", "-o", target, url])]
        return [Contender(name, command, {}, self.clear) for name, command in found if shutil.which(command[0])]

    def ours(self, endpoint: str) -> list[Contender]:
        """This project over its own transport and over httpx's, and the Hub's own client."""
        return [
            self.hfsvc("hfsvc", endpoint, "auto"),
            self.hfsvc("hfsvc, transport httpx", endpoint, "httpx"),
            self.hf(endpoint),
        ]


def write_random(path: Path, size: int) -> str:
    """A file that does not compress; gives its sha256."""
    import hashlib

    hasher = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, MB):
            block = os.urandom(min(MB, size - start))
            hasher.update(block)
            file.write(block)
    return hasher.hexdigest()


def one_gibibyte(bench: Bench) -> None:
    """One large file as fast as it goes."""
    size = 1 << 30
    digest = write_random(bench.repo_folder() / "big.bin", size)
    with stand.nginx(bench.files, bench.work) as cdn, stand.hub(bench.files, "--cdn-url", cdn) as endpoint:
        url = f"{cdn}/{REPO}/big.bin"
        contenders = [bench.floor(url, size, digest), *bench.ours(endpoint), *bench.others(url, digest)]
        results = compare(contenders, bench.runs)
    print_table("One file of 1 GiB", results, FLOOR, megabytes=size / MB)


def one_gibibyte_tls(bench: Bench) -> None:
    """The same by TLS, with an authority made on the spot."""
    size = 1 << 30
    digest = write_random(bench.repo_folder() / "big.bin", size)
    authority, key = stand.make_certificate(bench.work)
    with (
        stand.nginx(bench.files, bench.work, certificate=(authority, key)) as cdn,
        stand.hub(bench.files, "--cdn-url", cdn) as endpoint,
    ):
        contenders = [bench.floor(f"{cdn}/{REPO}/big.bin", size, digest), *bench.ours(endpoint)]
        # Nothing else: some tools would read all that this machine trusts.
        trusted = {"SSL_CERT_FILE": str(authority), "SSL_CERT_DIR": ""}
        trusting = [each._replace(env={**each.env, **trusted}) for each in contenders]
        results = compare(trusting, bench.runs)
    print_table("One file of 1 GiB by TLS", results, FLOOR, megabytes=size / MB)


def paced(bench: Bench) -> None:
    """A file of 110 MB where every connection gets 10 MB/s."""
    size = 110 * MB
    digest = write_random(bench.repo_folder() / "train.parquet", size)
    with (
        stand.nginx(bench.files, bench.work, bytes_per_s=10 * MB) as cdn,
        stand.hub(bench.files, "--cdn-url", cdn) as endpoint,
    ):
        contenders = [*bench.ours(endpoint), *bench.others(f"{cdn}/{REPO}/train.parquet", digest)]
        results = compare(contenders, bench.runs)
    print_table("One file of 110 MB, 10 MB/s a connection", results, "hf download", megabytes=size / MB)


def many(bench: Bench) -> None:
    """2,000 LFS files of 16 kB, every answer 30 ms late."""
    folder = bench.repo_folder()
    for number in range(2000):
        (folder / f"{number:05}.parquet").write_bytes(os.urandom(16_000))
    with stand.hub(bench.files, "--latency-ms", "30") as endpoint:
        results = compare(bench.ours(endpoint), bench.runs)
    print_table("2,000 LFS files of 16 kB, 30 ms latency", results, "hf download", megabytes=32)


def blobs(bench: Bench) -> None:
    """2,000 git blobs of 16 kB, every answer 30 ms late."""
    folder = bench.repo_folder()
    for number in range(2000):
        (folder / f"{number:05}.json").write_text('{"n": "' + "x" * 15_980 + f'{number:05}"}}')
    with stand.hub(bench.files, "--latency-ms", "30") as endpoint:
        results = compare(bench.ours(endpoint), bench.runs)
    print_table("2,000 git blobs of 16 kB, 30 ms latency", results, "hf download", megabytes=32)


def tiny(bench: Bench) -> None:
    """20,000 git blobs of 80 bytes."""
    folder = bench.repo_folder()
    for number in range(20_000):
        (folder / f"{number:05}.json").write_text('{"n":"' + "x" * 66 + f'{number:05}"}}\n')
    with stand.hub(bench.files) as endpoint:
        results = compare(bench.ours(endpoint), bench.runs)
    print_table("20,000 git blobs of 80 bytes", results, "hf download", megabytes=1.6)


SCENARIOS: dict[str, Callable[[Bench], None]] = {
    "one-gibibyte": one_gibibyte,
    "one-gibibyte-tls": one_gibibyte_tls,
    "paced": paced,
    "many": many,
    "blobs": blobs,
    "tiny": tiny,
}


def main() -> None:
    """Run the named scenarios, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.download", description=__doc__)
    parser.add_argument("scenario", nargs="*", choices=[*SCENARIOS, []], help="default: all")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of every tool")
    parser.add_argument("--work", type=Path, help="a folder to keep venvs and files in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hfsvc-bench-") as scratch:
        bench = Bench(options.work or Path(scratch), options.runs)
        bench.work.mkdir(parents=True, exist_ok=True)
        for name in options.scenario or SCENARIOS:
            SCENARIOS[name](bench)


if __name__ == "__main__":
    main()
