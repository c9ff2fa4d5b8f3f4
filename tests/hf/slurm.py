# A Slurm of one node on the loopback, of our own: munge, slurmctld, slurmd.           SPDX-License-Identifier: Apache-2.0
import os
import shutil
import socket
import subprocess
import time

PROGRAMS = "munged", "slurmctld", "slurmd", "sbatch", "sinfo", "squeue", "scontrol"
CONF = """ClusterName=carat
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={dir}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/spool
SlurmctldPidFile={dir}/slurmctld.pid
SlurmdPidFile={dir}/slurmd.pid
SlurmctldLogFile={dir}/slurmctld.log
SlurmdLogFile={dir}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES
"""


def missing():
    """Why no Slurm can be had here, or None."""
    if os.geteuid() != 0:
        return "only root can start a Slurm of its own"
    lost = [p for p in PROGRAMS if not shutil.which(p)]
    return f"no {', '.join(lost)} (apt-get install slurmctld slurmd slurm-client munge)" if lost else None


def free_ports(n):
    held = [socket.socket() for _ in range(n)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


class Cluster:
    """with Cluster(dir) as env: ...   env is what sbatch and the like need."""

    def __init__(self, where):
        self.dir, self.running = where, []
        self.host = socket.gethostname().split(".")[0]
        self.env = {**os.environ, "SLURM_CONF": f"{where}/slurm.conf"}

    def start(self, name, *args):
        with open(f"{self.dir}/{name}.out", "w", encoding="utf-8") as log:
            self.running.append(subprocess.Popen([name, *args], env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL))

    def run(self, *args):
        p = subprocess.run(args, env=self.env, capture_output=True, text=True)
        return p.stdout.strip()

    def logs(self):
        text = ""
        for name in ("munged.out", "slurmctld.out", "slurmctld.log", "slurmd.out", "slurmd.log"):
            try:
                with open(f"{self.dir}/{name}", encoding="utf-8", errors="replace") as f:
                    text += f"-- {name}\n" + f.read()[-2000:]
            except OSError:
                pass
        return text

    def __enter__(self):
        os.chmod(self.dir, 0o755)  # munged looks at every directory above its files
        for d in ("state", "spool"):
            os.mkdir(f"{self.dir}/{d}")
        with open(f"{self.dir}/munge.key", "wb") as f:
            f.write(os.urandom(1024))
        os.chmod(f"{self.dir}/munge.key", 0o600)
        with open(f"{self.dir}/slurm.conf", "w", encoding="utf-8") as f:
            f.write(CONF.format(host=self.host, dir=self.dir, ports=free_ports(2), cpus=os.cpu_count()))
        self.start("munged", "--foreground", "--force", f"--key-file={self.dir}/munge.key", f"--socket={self.dir}/munge.socket",
                   f"--pid-file={self.dir}/munge.pid", f"--log-file={self.dir}/munge.log", f"--seed-file={self.dir}/munge.seed")
        deadline = time.time() + 60
        while not os.path.exists(f"{self.dir}/munge.socket") and time.time() < deadline:
            time.sleep(0.1)
        self.start("slurmctld", "-D")
        self.start("slurmd", "-D", "-N", self.host)
        while time.time() < deadline:
            if "idle" in self.run("sinfo", "-h", "-o", "%T"):
                return self
            time.sleep(0.3)
        text = self.logs()
        self.__exit__()
        raise RuntimeError("Slurm did not come up in 60 s\n" + text)

    def __exit__(self, *_):
        for p in reversed(self.running):
            p.terminate()
        for p in reversed(self.running):
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
