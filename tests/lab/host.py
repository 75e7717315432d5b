# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's machine as tests see it: what harness.py of the capsules offers for a Host, reboots, and power cuts."""
from harness import CommandError, Host, Result
from machine import CACHE, Machine

RUN = CACHE / "tests"  # apart from what people boot


class Lab(Host):
    def __init__(self, name):
        super().__init__(name)
        self.machine = Machine(name, RUN)

    def boot(self, **hardware):
        self.machine.boot(**hardware)

    def stop(self):
        self.machine.stop()

    def push(self, stage):
        self.machine.push(stage)

    def reboot(self):
        """In order: units are stopped, what was written is on the disk."""
        self.machine.reboot()

    def power_cut(self, whole=True):
        """Only what was synced is on the disk. Returns when it has booted whole, or else when it can be spoken to."""
        self.machine.power_cut(whole)

    def run(self, cmd, check=True, timeout=60, input=None):
        argv = ["bash", "-c", cmd] if isinstance(cmd, str) else [str(word) for word in cmd]
        result = Result(cmd, self.machine.run(argv, (input or "").encode(), timeout))
        if check and result.rc:
            raise CommandError(str(result))
        return result

    def console(self):
        return self.machine.console()

    def loaded(self, module):
        return self.exists(f"/sys/module/{module}/initstate")
