"""The test of columns against a shape of messages: structs of it, or objects of it where the layout is asked for. Pure."""

import pyarrow as pa

from hfsvc.models import ReadOptions
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.objects import fit_objects
from hfsvc.trajectories.layouts.structs import MessageShape, fit_structs, override_shape


def fit_shape(shape: MessageShape, schema: pa.Schema, options: ReadOptions) -> list[Layout] | str:
    """The readers of a file's columns, or what they lack to be of this shape.

    A text says by no type which shape its objects are of. So texts count only where the layout was asked for; else the
    layout ``json`` reads them, whatever their shape.
    """
    structs = fit_structs(shape, schema, options)
    if options.layout != shape.name:
        return structs if isinstance(structs, str) else [*structs]
    wanted = override_shape(shape, options)
    objects = fit_objects(wanted, schema, options, (wanted.role,), wanted.content)
    found = [each for each in (structs, objects) if not isinstance(each, str)]
    readers: dict[str, Layout] = {layout.messages: layout for layouts in reversed(found) for layout in layouts}
    ordered = [readers[name] for name in wanted.columns if name in readers]
    return ordered or str(structs)
