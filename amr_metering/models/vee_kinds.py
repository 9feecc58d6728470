"""What validation can find; each is a rule (amr.vee.rule) and a kind of exception."""

FINDINGS = [
    ("future", "Time in the future"),
    ("conflict", "Two values at one time"),
    ("duplicate", "Delivered twice"),
    ("negative", "Negative consumption"),
    ("rollover", "Implausible roll-over"),
    ("high", "High consumption"),
    ("low", "Low consumption"),
    ("skew", "Clock off"),
    ("late", "Out of order"),
    ("spike", "Unlike its own past"),
    ("hour_spike", "Hour unlike its past"),
    ("static", "Stands still"),
    ("missing", "Missing reading"),
    ("sum", "Master and subs differ"),
    ("factor", "Factor changed"),
    ("vacant", "Use without agreement"),
    ("test", "Use before opening"),
]

SEVERITIES = [
    ("suspect", "Hold back and raise"),
    ("exception", "Use and raise"),
    ("note", "Use and note"),
]

# Found on the index of a reading that comes in. The others are found later, or tell of
# the clock or the delivery: the reading itself is used.
HOLDABLE = (
    "future",
    "conflict",
    "negative",
    "rollover",
    "high",
    "low",
    "hour_spike",
)

# Findings about how much was used: the abnormal-use list and the alarm state.
ABOUT_USE = (
    "negative",
    "rollover",
    "high",
    "low",
    "spike",
    "hour_spike",
    "static",
    "sum",
    "vacant",
)
