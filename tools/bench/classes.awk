# SPDX-License-Identifier: BSD-3-Clause
# Reads lines "variant run calibration-before calibration-after ns" and prints what each variant adds.
#
# Sorted by the first calibration: the best is that of the first hundredth. A slice is fast when both
# calibrations are within 15 % of the best, slow when both are from 1.4 to 2.6 times of it, and left out otherwise. A variant's figure in a class is the median over its
# runs of each run's median slice (of each run's mean for what is attached part of the time only); it is
# compared with the figure of "none" in the same class, never with another class.

function sort_values(v, n,	i, j, x) {
	for (i = 2; i <= n; i++) {
		x = v[i]
		for (j = i - 1; j >= 1 && v[j] > x; j--)
			v[j + 1] = v[j]
		v[j + 1] = x
	}
}

function quantile(v, n, q,	at, low) {
	at = 1 + (n - 1) * q
	low = int(at)
	return low >= n ? v[n] : v[low] + (v[low + 1] - v[low]) * (at - low)
}

function class_of(before, after,	low, high) {
	low = before < after ? before : after
	high = before < after ? after : before
	if (high <= best * 1.15)
		return "fast"
	return low >= best * 1.4 && high <= best * 2.6 ? "slow" : ""
}

# Leaves the value of one run in run_value[]; runs with few slices in the class do not count
function run_add(variant, class, run,	n, v, i, sum) {
	n = cnt[variant, run, class]
	if (n < 8)
		return
	for (i = 1; i <= n; i++) {
		v[i] = ns[variant, run, class, i]
		sum += v[i]
	}
	sort_values(v, n)
	run_value[++runs] = variant in averaged ? sum / n : quantile(v, n, 0.5)
	slices += n
}

function figure(variant, class,	run) {
	runs = slices = 0
	for (run = 1; run <= last_run; run++)
		run_add(variant, class, run)
	sort_values(run_value, runs)
	median[variant, class] = runs ? quantile(run_value, runs, 0.5) : ""
	spread[variant, class] = runs ? (quantile(run_value, runs, 0.75) - quantile(run_value, runs, 0.25)) / 2 : ""
	run_cnt[variant, class] = runs
	slice_cnt[variant, class] = slices
}

function added(variant, class) {
	return median[variant, class] - median["none", class]
}

function cell(variant, class) {
	if (!run_cnt[variant, class] || !run_cnt["none", class])
		return sprintf("%26s", "-")
	if (variant == "none")
		return sprintf("%8.1f +-%5.1f %3d/%5d", median[variant, class], spread[variant, class], \
			run_cnt[variant, class], slice_cnt[variant, class])
	return sprintf("%+8.1f +-%5.1f %3d/%5d", added(variant, class), spread[variant, class] + spread["none", class], \
		run_cnt[variant, class], slice_cnt[variant, class])
}

function trust(class,	n, noise, v, low) {
	low = run_cnt["none", class]
	for (n = 1; n <= names; n++) {
		v = spread[name[n], class] + spread["none", class]
		noise = v > noise ? v : noise
		if (run_cnt[name[n], class] < low)
			low = run_cnt[name[n], class]
	}
	if (low < 3)
		printf "%s class: weak, a variant has %d runs of the 3 it takes; run again or with more --rounds\n", class, low
	else
		printf "%s class: differences above %.0f ns are real (twice the worst spread), %d or more runs each\n", \
			class, 2 * noise, low
}

BEGIN {
	split(averages, list, " ")
	for (i in list)
		averaged[list[i]]
}

{
	line[NR] = $0
	if (!($1 in seen)) {
		seen[$1]
		name[++names] = $1
	}
	if ($2 > last_run)
		last_run = $2
}

END {
	split(line[int(NR / 100) + 1], f, " ")
	best = f[3]
	for (i = 1; i <= NR; i++) {
		split(line[i], f, " ")
		class = class_of(f[3], f[4])
		total[class]++
		ns[f[1], f[2], class, ++cnt[f[1], f[2], class]] = f[5]
	}
	printf "%-10s %26s   %26s\n", "ns per call", "fast: added, runs/slices", "slow: added, runs/slices"
	for (n = 1; n <= split(order, list, " "); n++) {
		if (!(list[n] in seen))
			continue
		figure(list[n], "fast")
		figure(list[n], "slow")
		printf "%-10s  %26s   %26s\n", list[n], cell(list[n], "fast"), cell(list[n], "slow")
	}
	printf "\n%d slices: %d fast, %d slow, %d left out (the machine changed its speed)\n", \
		NR, total["fast"], total["slow"], total[""]
	for (n = split("fast slow", list, " "); n >= 1; n--) {
		class = list[n]
		if (!run_cnt["none", class])
			continue
		if (run_cnt["full", class] && run_cnt["customary", class])
			printf "full/customary, %s: %.2f\n", class, added("full", class) / added("customary", class)
		trust(class)
	}
}
