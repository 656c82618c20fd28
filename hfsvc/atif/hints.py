"""What mends the mistakes that writers make most, by struct and field."""

HINTS: dict[tuple[str, str], str] = {
    ("Trajectory", "schema_version"): "write ATIF-v1.0 to ATIF-v1.8, spelled exactly so",
    ("Trajectory", "steps"): "a trajectory has at least one step",
    ("Agent", "version"): "write the version as a string, unknown if it is not known",
    ("Step", "step_id"): "number the steps 1, 2, 3 … in list order",
    ("Step", "source"): "an assistant is the agent; a tool's answer belongs into the observation of the calling step",
    ("Step", "message"): 'a step without text has "message": ""',
    ("Step", "observation"): 'wrap the results: {"results": [...]}',
    ("ToolCall", "arguments"): "write the arguments as an object, not as its JSON text; no arguments are {}",
    ("ObservationResult", "content"): "write an object as its JSON text, or use content parts",
    ("ObservationResult", "subagent_trajectory_ref"): "put the reference into a list",
    ("TextPart", "text"): "a part without text has an empty one",
    ("ImagePart", "source"): 'an image has "source": {"media_type": ..., "path": ...}',
    ("AudioPart", "source"): 'a recording has "source": {"media_type": ..., "path": ...}',
    ("ImageSource", "media_type"): "an image has an image type, in lower case; a recording's part is of type audio",
    ("AudioSource", "media_type"): "a recording has an audio type; an image's part is of type image",
}
