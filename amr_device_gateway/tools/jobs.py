"""Small helpers around queue_job."""


def hasten(env, identity_keys):
    """Let postponed jobs run now; the runner hears of it by itself.

    :param list identity_keys: keys of jobs that may be waiting for their time
    """
    jobs = (
        env["queue.job"]
        .sudo()
        .search(
            [
                ("identity_key", "in", identity_keys),
                ("state", "=", "pending"),
                ("eta", "!=", False),
            ]
        )
    )
    jobs.write({"eta": False})
