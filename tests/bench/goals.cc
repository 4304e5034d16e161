// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/goals.h"

#include <cstdio>

namespace netmsg::bench {

namespace {

// What is compared with the bound.
enum class Measure {
  kRatio,       // own row's ratio to its reference
  kValue,       // own row's value
  kCpu,         // own row's CPU time for one message, us
  kTimesValue,  // own value to the other row's
  kTimesRatio,  // own ratio to the other row's: what was measured in another run has a reference of its own
  kTimesP99,    // own p99 to the other row's
};

struct Goal {
  const char* number;
  const char* what;
  Measure measure;
  const char* own;
  Placement placement;
  const char* other;  // for kTimes...
  bool at_most;
  double bound;
};

constexpr Placement kOne = Placement::kOneCpu;
constexpr Placement kFree = Placement::kFree;

constexpr Goal kGoals[] = {
    {"1", "RPC 64 B, one CPU, to the reference", Measure::kRatio, "netmsg.ring.once.64", kOne, "", true, 2.0},
    {"1", "the same, to dbus-broker", Measure::kTimesRatio, "netmsg.ring.once.64", kOne,
     "peer.dbus-broker.trip.64", true, 0.45},
    {"2", "RPC 64 B, free, to dbus-broker", Measure::kTimesRatio, "netmsg.ring.once.64", kFree,
     "peer.dbus-broker.trip.64", true, 0.2},
    {"2", "the same, to direct Cap'n Proto", Measure::kTimesRatio, "netmsg.ring.once.64", kFree,
     "peer.capnp-direct.trip.64", true, 0.5},
    {"2", "the same, to a direct gRPC stream", Measure::kTimesRatio, "netmsg.ring.once.64", kFree,
     "peer.grpc-stream.trip.64", true, 0.5},
    {"3", "16 threads of calls, to two ring hops", Measure::kTimesValue, "netmsg.ring.threads16.64", kOne,
     "floor.ring2.threads16.64", false, 0.7},
    {"3", "batch call, 64 in flight, one CPU", Measure::kRatio, "netmsg.ring.batch64.64", kOne, "", false, 8},
    {"4", "system calls of an RPC, one CPU", Measure::kValue, "netmsg.ring.once.64.calls", kOne, "", true, 8},
    {"4", "the same, 64 in flight", Measure::kValue, "netmsg.ring.batch64.64.calls", kOne, "", true, 0.5},
    {"5", "CPU us a message, 64 in flight", Measure::kCpu, "netmsg.ring.batch64.64", kOne, "", true, 1.0},
    {"6", "socket lanes, RPC 64 B, one CPU", Measure::kRatio, "netmsg.socket.once.64", kOne, "", true, 3.6},
    {"7", "a moved send right, there and back", Measure::kTimesValue, "netmsg.ring.moved-send.64", kOne,
     "netmsg.ring.once.64", true, 1.05},
    {"8", "in-line 64 KiB, free, to four ring hops", Measure::kTimesValue, "netmsg.ring.trip.64K", kFree,
     "floor.ring4.trip.64K", true, 1.5},
    {"9", "in-line 1 MiB, 8 in flight, to four ring hops", Measure::kTimesValue, "netmsg.ring.stream8.1M",
     kFree, "floor.ring4.stream8.1M", false, 0.6},
    {"9", "the same, to ZeroMQ's broker", Measure::kTimesValue, "netmsg.ring.stream8.1M", kFree,
     "peer.zeromq-broker.stream8.1M", false, 2},
    {"10", "region 1 MiB, to a sealed memfd", Measure::kTimesValue, "netmsg.ring.region.1M", kFree,
     "floor.sealed.1M", true, 1.3},
    {"10", "region 64 MiB, to a sealed memfd", Measure::kTimesValue, "netmsg.ring.region.64M", kFree,
     "floor.sealed.64M", true, 1.3},
    {"10", "region 1 GiB, to a sealed memfd", Measure::kTimesValue, "netmsg.ring.region.1G", kFree,
     "floor.sealed.1G", true, 1.3},
    {"11", "1,000 clients, to 100", Measure::kTimesValue, "netmsg.ring.clients.1000", kFree,
     "netmsg.ring.clients.100", false, 0.8},
    {"12", "daemon heap of an idle client, bytes", Measure::kValue, "netmsg.scale.idle-clients.bytes", kFree,
     "", true, 4096},
    {"12", "the same, of one with a ring lane", Measure::kValue, "netmsg.idle.heap", kFree, "", true, 4096},
    {"12", "shared memory of that one, bytes", Measure::kValue, "netmsg.idle.rings", kFree, "", true, 65536},
    {"13", "remote RPC 64 B, one CPU, to TCP", Measure::kRatio, "netmsg.remote.trip.64", kOne, "", true, 3.0},
    {"13", "the same, below a unary gRPC call", Measure::kTimesValue, "netmsg.remote.trip.64", kOne,
     "floor.grpc.unary.64", true, 1},
    {"14", "the same with TLS, to TCP", Measure::kRatio, "netmsg.remote-tls.trip.64", kOne, "", true, 3.7},
    {"14", "the same, below a unary gRPC call with TLS", Measure::kTimesValue, "netmsg.remote-tls.trip.64",
     kOne, "floor.grpc-tls.unary.64", true, 1},
    {"15", "remote, 1,024 in flight over 64 ports, to gathered TCP", Measure::kRatio,
     "netmsg.remote.flight1024.64", kFree, "", false, 0.25},
    {"15", "the same, to a gRPC stream of single messages", Measure::kTimesValue,
     "netmsg.remote.flight1024.64", kFree, "floor.grpc.single1024.64", false, 10},
    {"16", "remote 1 MiB, to a gRPC stream", Measure::kTimesValue, "netmsg.remote.stream8.1M", kFree,
     "floor.grpc.stream8.1M", false, 0.8},
    {"17", "remote RPC with 1 ms of delay each way, to TCP", Measure::kRatio, "netmsg.remote-delayed.trip.64",
     kFree, "", true, 1.15},
    {"17", "the same, 1,024 in flight over 64 ports", Measure::kRatio, "netmsg.remote-delayed.flight1024.64",
     kFree, "", false, 0.5},
    {"-", "remote p99 beside a stream, to without it", Measure::kTimesP99, "netmsg.remote.trip-beside.64",
     kFree, "netmsg.remote.trip.64", true, 3.0},
    {"idle", "CPU us a second of a daemon with 100 idle clients", Measure::kValue, "netmsg.idle.owner-cpu",
     kFree, "", true, 0},
};

GoalRow not_measured(GoalRow row, const std::string& why) {
  row.note = why;
  return row;
}

bool compares(const Goal& goal) {
  return goal.measure == Measure::kTimesValue || goal.measure == Measure::kTimesRatio ||
         goal.measure == Measure::kTimesP99;
}

double own_figure(const Goal& goal, const Row& own, const Row* other) {
  switch (goal.measure) {
    case Measure::kRatio:
      return own.ratio();
    case Measure::kCpu:
      return own.cpu_us();
    case Measure::kTimesValue:
      return own.value() / other->value();
    case Measure::kTimesRatio:
      return own.ratio() / other->ratio();
    case Measure::kTimesP99:
      return own.p99() / other->p99();
    case Measure::kValue:
      break;
  }
  return own.value();
}

GoalRow judged(const Goal& goal, const Rows& rows) {
  GoalRow row{goal.number, goal.what, Verdict::kNotMeasured, 0, goal.bound, goal.at_most, ""};
  const Row* const own = find(rows, goal.own, goal.placement);
  if (own == nullptr) return not_measured(std::move(row), std::string("no figure of ") + goal.own);
  const Row* const other = compares(goal) ? find(rows, goal.other, goal.placement) : nullptr;
  if (compares(goal) && other == nullptr)
    return not_measured(std::move(row), std::string("no figure of ") + goal.other);
  row.own = own_figure(goal, *own, other);
  row.verdict =
      (goal.at_most ? row.own <= row.bound : row.own >= row.bound) ? Verdict::kMet : Verdict::kMissed;
  row.note = goal.own;
  if (compares(goal)) row.note += std::string(" beside ") + goal.other;
  return row;
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kMet:
      return "met";
    case Verdict::kMissed:
      return "missed";
    case Verdict::kNotMeasured:
      break;
  }
  return "not measured";
}

std::string figure_text(const GoalRow& row) {
  char figure[32] = "-";
  if (row.verdict != Verdict::kNotMeasured) std::snprintf(figure, sizeof figure, "%.3g", row.own);
  return figure;
}

}  // namespace

std::vector<GoalRow> judge(const Rows& rows) {
  std::vector<GoalRow> judged_rows;
  for (const Goal& goal : kGoals) judged_rows.push_back(judged(goal, rows));
  return judged_rows;
}

std::string table_of(const std::vector<GoalRow>& goals) {
  std::string out = "goals\n";
  for (const GoalRow& row : goals) {
    char line[400];
    std::snprintf(line, sizeof line, "%3s  %-55s %9s  %s %-6.4g  %-12s  %s\n", row.number.c_str(),
                  row.what.c_str(), figure_text(row).c_str(), row.at_most ? "<=" : ">=", row.bound,
                  name_of(row.verdict), row.note.c_str());
    out += line;
  }
  return out;
}

std::string json_of(const std::vector<GoalRow>& goals) {
  std::string out = "  \"goals\": [\n";
  for (const GoalRow& row : goals) {
    char line[512];
    std::snprintf(line, sizeof line,
                  "    {\"goal\": \"%s\", \"what\": \"%s\", \"own\": %.6g, \"bound\": %.6g, \"at_most\": %s, "
                  "\"verdict\": \"%s\", \"note\": \"%s\"}%s\n",
                  row.number.c_str(), row.what.c_str(), row.own, row.bound, row.at_most ? "true" : "false",
                  name_of(row.verdict), row.note.c_str(), &row != &goals.back() ? "," : "");
    out += line;
  }
  return out + "  ]\n}\n";
}

}  // namespace netmsg::bench
