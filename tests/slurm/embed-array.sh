#!/usr/bin/env bash
# slurm.sh embed-array.sh MODEL DATA OUTPUT [HIMO...]
# Embeds a data set by an array of four tasks, kills one of them on the way, and submits the array again: all rows are there.
set -euo pipefail
model=$1 data=$2 output=$3
himo=("${@:4}")
[ ${#himo[@]} -gt 0 ] || himo=(himo)
script=$(mktemp /tmp/himo-embed.XXXXXX.sh)
trap 'rm -f "$script"' EXIT
cat > "$script" << SCRIPT
#!/bin/bash
#SBATCH --job-name=embed
#SBATCH --array=0-3
#SBATCH --cpus-per-task=1
export OMP_NUM_THREADS=\$SLURM_CPUS_PER_TASK
$(printf '%q ' "${himo[@]}") embed --model $(printf %q "$model") --data $(printf %q "$data") --output $(printf %q "$output") --shard auto --rows-per-file 64 --progress 0
SCRIPT
job=$(sbatch --parsable --output="$output-%a.log" "$script")
until compgen -G "$output/part-*.parquet" > /dev/null; do sleep 0.2; done
scancel --signal=KILL "${job}_0" 2> /dev/null || true
while squeue --noheader | grep -q .; do sleep 0.5; done
echo "after the kill of task 0: $(find "$output" -name 'part-*.parquet' | wc -l) files"
sbatch --wait --parsable --output="$output-%a.log" "$script" > /dev/null
cat "$output"-*.log
echo "at the end: $(find "$output" -name 'part-*.parquet' | wc -l) files"
