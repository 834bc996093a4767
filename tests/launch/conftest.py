"""A Slurm cluster on this machine: munged, one slurmctld and two slurmd, in a temporary folder."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
NODES = ("one", "two")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
MpiDefault=none
SwitchType=switch/none
JobRequeue=1
MinJobAge=300
ReturnToService=2
SlurmdTimeout=10
KillWait=10
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 State=UNKNOWN
NodeName=two NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@dataclass
class Cluster:
    folder: Path
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    def start(self, name, *command):
        with (self.folder / f"{name}.out").open("w") as out:
            self.processes[name] = subprocess.Popen(
                command, env=self.environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def start_node(self, node):
        self.start(node, "slurmd", "-D", "-N", node)

    def ask(self, *command):
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=30)
        return done.stdout.strip() if done.returncode == 0 else ""

    def states(self):
        return self.ask("sinfo", "--noheader", "--Node", "--format=%N %T").splitlines()

    def log(self):
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in self.folder.glob("*.[ol][uo]*"))

    def on_node(self, node):
        """The processes of a node: its daemon, the daemons of its jobs, and then what they have started."""
        marks = {f"SLURM_CONF={self.environment['SLURM_CONF']}".encode(), f"SLURMD_NODENAME={node}".encode()}
        started = [path for path in Path("/proc").glob("[0-9]*") if marks <= set(read(path / "environ").split(b"\0"))]
        parents = {int(read(path / "stat").rsplit(b")", 1)[1].split()[1]) for path in started if read(path / "stat")}
        daemons = {pid for pid in parents if read(Path(f"/proc/{pid}/comm")).startswith(b"slurmstepd")}
        return [self.processes[node].pid, *daemons, *(int(path.name) for path in started)]

    def kill_node(self, node):
        """What a power cut does: nothing on the node gets to say a last word."""
        for pid in self.on_node(node):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.processes[node].wait()

    def stop(self):
        self.ask("scancel", "--full", "--user=root")
        for name in reversed(self.processes):
            process = self.processes[name]
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def read(path):
    """A file of a process; nothing when the process has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_until(condition, seconds, what, cluster):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            pytest.fail(f"{what} did not happen in {seconds} s\n{cluster.log()}")
        time.sleep(0.2)


@pytest.fixture
def cluster(tmp_path_factory):
    """Two nodes of one core each."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")]
    if missing:
        pytest.skip(f"Slurm is not installed ({', '.join(missing)}): apt-get install slurm-wlm munge")
    if os.getuid() != 0:
        pytest.skip("Slurm's daemons want to be started as root")
    folder = tmp_path_factory.mktemp("slurm")
    cluster = Cluster(folder, {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")})
    cluster.environment["PATH"] += ":/usr/sbin"
    try:
        begin(cluster)
        yield cluster
    finally:
        cluster.stop()


def begin(cluster):
    folder = cluster.folder
    for name in ("munge", "state", *(f"spool-{node}" for node in NODES)):
        (folder / name).mkdir(mode=0o755)
    key = folder / "munge/key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    text = CONFIGURATION.format(folder=folder, host=socket.gethostname().split(".")[0], ports=free_ports(3))
    (folder / "slurm.conf").write_text(text)
    files = [f"--{name}-file={folder}/munge/{name}" for name in ("key", "pid", "log", "seed")]
    cluster.start("munged", "munged", "--foreground", "--force", f"--socket={folder}/munge/socket", *files)
    wait_until((folder / "munge/socket").exists, 30, "munged's start", cluster)
    cluster.start("slurmctld", "slurmctld", "-D")
    for node in NODES:
        cluster.start_node(node)
    ready = [f"{node} idle" for node in NODES]
    wait_until(lambda: cluster.states() == ready, 120, "the start of two nodes", cluster)
