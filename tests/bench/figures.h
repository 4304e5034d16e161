// SPDX-License-Identifier: Apache-2.0
// Numbers of the benchmark: the clock, medians and percentiles, and what one measurement gives. Pure but for now_ns().
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace netmsg::bench {

std::int64_t now_ns();

// Of an empty list 0. `share` 0..1.
double percentile(std::vector<double> values, double share);
inline double median(std::vector<double> values) {
  return percentile(std::move(values), 0.5);
}

// What one measurement of a case gave. Plain data: it comes to the benchmark through shared memory.
struct Figure {
  double value = 0;     // in the case's unit: the median of a trip, or a rate
  double p99 = 0;       // of a trip, us; 0 for rates
  double cpu_us = 0;    // of all processes of the case together, for one message; 0: not measured
  double switches = 0;  // voluntary context switches of them for one message
  double calls = 0;     // system calls of them for one message, if they were to be counted
};

// Messages of so many bytes per second, as megabytes per second.
Figure as_megabytes(Figure figure, std::size_t bytes);

}  // namespace netmsg::bench
