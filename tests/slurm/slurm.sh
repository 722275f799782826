#!/usr/bin/env bash
# slurm.sh COMMAND...
# Starts a Slurm of one node, this machine, in a temporary folder, runs the command in it (sbatch, srun and squeue reach it by SLURM_CONF),
# and stops it. Needs root, and: apt-get install --no-install-recommends slurm-wlm munge libpmix-dev
set -euo pipefail
for program in munged slurmctld slurmd; do
  command -v "$program" > /dev/null || { echo "slurm.sh: needs $program: apt-get install --no-install-recommends slurm-wlm munge libpmix-dev" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "slurm.sh: needs root" >&2; exit 1; }

here=$(mktemp -d /tmp/himo-slurm.XXXXXX)
port=$((20000 + RANDOM % 10000))
mkdir "$here/state" "$here/spool" "$here/log"
export SLURM_CONF="$here/slurm.conf"
cat > "$SLURM_CONF" << CONF
ClusterName=here
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$here/munge.socket
CredType=cred/munge
SlurmctldPort=$port
SlurmdPort=$((port + 1))
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/spool
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/slurmd.pid
SlurmctldLogFile=$here/log/slurmctld.log
SlurmdLogFile=$here/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=5
MpiDefault=none
$(slurmd -C | head -n 1) NodeAddr=127.0.0.1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF

stop() {
  local pid
  for program in slurmd slurmctld munge; do
    pid=$(cat "$here/$program.pid" 2> /dev/null) || continue
    kill "$pid" 2> /dev/null || true
    while kill -0 "$pid" 2> /dev/null; do sleep 0.1; done                # it writes its state
  done
  rm -rf "$here"
}
trap stop EXIT

dd if=/dev/urandom of="$here/munge.key" bs=1024 count=1 status=none
chmod 400 "$here/munge.key"
munged --force --key-file="$here/munge.key" --socket="$here/munge.socket" --pid-file="$here/munge.pid" \
  --log-file="$here/log/munge.log" --seed-file="$here/munge.seed"
slurmctld
slurmd
# A node that calls itself idle may not take jobs yet.
for _ in $(seq 6); do
  timeout 10 srun --quiet true 2> /dev/null && ready=1 && break
  sleep 1
done
[ "${ready:-}" ] || { echo "slurm.sh: the node takes no job" >&2; cat "$here"/log/*.log >&2; exit 1; }
"$@"
