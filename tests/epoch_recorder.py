"""A callback that keeps what it sees, in a module of its own, which worker processes can import."""


class Recorder:
    """Notes every call; stops after epoch `stop`; takes a copy of the model as it would be after each epoch."""

    def __init__(self, stop=None, error=None):
        self.stop, self.error, self.calls, self.models = stop, error, [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.calls.append(("end", context.task_name, context.task_id))
        if context.task_name == "epoch":
            self.models.append(fitted_estimator)
            if len(self.models) == self.stop:
                if self.error is not None:
                    raise self.error
                return True
        return False
