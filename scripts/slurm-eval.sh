#!/bin/sh
# One evaluation as an array job under Slurm: a shard a task, then a job that merges them.   SPDX-License-Identifier: Apache-2.0
#
# usage: scripts/slurm-eval.sh -n SHARDS -o RUN [-w] [-s SBATCH-OPTION]... -- ARGUMENTS OF carat eval
#   scripts/slurm-eval.sh -n 8 -o run -s --cpus-per-task=16 -s --mem=24G -- e2b-int4 --suite mmlu-pro --data mmlu-pro=MMLU-Pro
#
# Shard I is kept in RUN.shards/I, on a file system that all nodes see. A shard that was killed or preempted goes on where it
# stopped: by itself if Slurm requeues it, else by the same command given again (finished shards cost seconds). The merge job runs
# when all shards have ended, and says which items are missing if one has failed. -w waits for it. CARAT names the program.
#
# Without Slurm, on one machine: parallel carat eval ARGUMENTS --shard {}/8 -o run.{} ::: $(seq 8) && carat merge run.* -o run
set -eu

say() { echo "slurm-eval: $*" >&2; }
usage() {
    sed -n '4p' "$0" | sed 's/^# //' >&2
    exit 2
}
# the arguments as words of a shell, each in quotes
quote() {
    for word; do
        printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
    done
}

shards='' out='' wait='' options=''
while getopts n:o:ws: flag; do
    case $flag in
    n) shards=$OPTARG ;;
    o) out=$OPTARG ;;
    w) wait=--wait ;;
    s) options="$options $(quote "$OPTARG")" ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
case $shards in '' | *[!0-9]* | 0) usage ;; esac
if [ -z "$out" ] || [ $# = 0 ]; then usage; fi
command -v sbatch >/dev/null || { say "sbatch is not here: is this a machine of the cluster?"; exit 4; }
carat=$(command -v "${CARAT:-carat}") || { say "no program ${CARAT:-carat}; name it with CARAT="; exit 4; }
[ ! -e "$out" ] || { say "$out exists already"; exit 2; }
mkdir -p "$out.shards"

# Items that were not measured (5) are the report's affair, not a failed job.
dir=$(quote "$out.shards")
dir=${dir% }
program=$(quote "$carat")
task="$program eval $(quote "$@") --shard \$SLURM_ARRAY_TASK_ID/$shards -o $dir/\$SLURM_ARRAY_TASK_ID \
  -t \${SLURM_CPUS_PER_TASK:-1} || [ \$? = 5 ]"
merge="set --; i=1; while [ \$i -le $shards ]; do set -- \"\$@\" $dir/\$i; i=\$((i + 1)); done
$program merge \"\$@\" -o $(quote "$out") || [ \$? = 5 ]"

eval "set -- $options"
job=$(sbatch --parsable --requeue --open-mode=append --job-name=carat-eval --array="1-$shards" \
    --output="$out.shards/%a.log" "$@" --wrap "$task")
job=${job%%;*}
say "job $job: $shards shards, then a job that merges them into $out; logs in $out.shards"
if ! sbatch --parsable $wait --dependency="afterany:$job" --job-name=carat-merge \
    --output="$out.shards/merge.log" "$@" --wrap "$merge" >/dev/null; then
    say "the merge did not succeed:"
    cat "$out.shards/merge.log" >&2
    exit 1
fi
