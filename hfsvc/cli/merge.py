"""The command ``merge``: datasets and shards of other roots, into one."""

from pathlib import Path

import click

from hfsvc.cli.options import Options, command


@command("merge", example="hfsvc merge /scratch/node0 /scratch/node1 --root /data/datasets")
@click.argument("roots", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="ROOT...")
@click.option("--move", is_flag=True, help="Take the files away from there, instead of copying them.")
def merge_command(options: Options, roots: tuple[Path, ...], *, move: bool) -> None:
    """Bring what other roots have, datasets and shards of them, into this one (HFSVC_ROOT, --root).

    Every file is hashed on the way. After an interruption the same command goes on.
    """
    from hfsvc.cli.output import count_files, say, write_json
    from hfsvc.cli.progress import show_hashing
    from hfsvc.cli.run import run
    from hfsvc.datasets.root_merge import merge_roots
    from hfsvc.units import format_bytes

    with show_hashing(quiet=options.quiet or options.as_json) as listen:
        merged = run(options, lambda container: merge_roots(container.store(), roots, move=move, on_event=listen))
    if options.as_json:
        write_json(merged)
        return
    for each in merged:
        if not options.quiet:
            size = format_bytes(each.total_bytes)
            say(f"{each.repo}: {count_files(len(each.files))}, {size}, commit {each.commit[:12]}, verified")
        click.echo(each.folder)
