"""Times that an administrator may change: system parameters ``amr.…`` in seconds."""

DEFAULTS = {
    "amr.read_budget": 60,  # that one job reads, far below limit_time_real
    "amr.read_flush": 2,  # between two writes of a read job to the database
    "amr.reply_timeout": 10,  # for the reply to one frame
    "amr.retry_delay": 300,  # between two tries of a meter that does not answer
    "amr.offline_delay": 60,  # the same when its link is offline; a log-in comes first
    "amr.command_retry_delay": 30,  # between two rounds of a command
    "amr.clock_limit": 60,  # that a meter's clock may be off before the plan sets it
    "amr.command_deadline": 86400,  # after which a command is not sent any more
    # KTAMR manual 5.3
    "amr.start_wait": 300,  # that a task gives offline devices to log in
    "amr.poll_interval": 1800,  # between two rounds of a link that is read by itself
    "amr.dial_wait": 35,  # for a serial server to answer when it is dialled
}
MAX_TRIES = 3  # of a meter, of a command
#: Numbers of the same kind of parameters that are no times.
COUNTS = {
    "amr.unknown_per_hour": 60,  # terminals that nobody entered, listed in an hour
}


def max_tries(env):
    """Return how often a meter is asked or a command sent (``amr.max_tries``)."""
    value = env["ir.config_parameter"].sudo().get_param("amr.max_tries")
    return max(int(value), 1) if str(value or "").isdigit() else MAX_TRIES


def count(env, name):
    """Return a parameter of :data:`COUNTS`; its default when missing or no number."""
    value = env["ir.config_parameter"].sudo().get_param(name)
    return int(value) if str(value or "").isdigit() else COUNTS[name]


def seconds(env, name):
    """Return a parameter; its default when it is missing or no number.

    :param str name: one of :data:`DEFAULTS`
    :rtype: float
    """
    value = env["ir.config_parameter"].sudo().get_param(name)
    try:
        return max(float(value or ""), 0)
    except (TypeError, ValueError):
        return DEFAULTS[name]
