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
  const char* recipe;  // if it is measured by other means: by which
};

constexpr Placement kOne = Placement::kOneCpu;
constexpr Placement kFree = Placement::kFree;

constexpr Goal kGoals[] = {
    {"1", "RPC 64 B, one CPU, to the reference", Measure::kRatio, "netmsg.ring.once.64", kOne, "", true, 2.0,
     ""},
    {"1", "the same, to dbus-broker", Measure::kTimesRatio, "netmsg.ring.once.64", kOne,
     "peer.dbus-broker.trip.64", true, 0.45, ""},
    {"2", "RPC 64 B, free, to dbus-broker", Measure::kTimesRatio, "netmsg.ring.once.64", kFree,
     "peer.dbus-broker.trip.64", true, 0.2, ""},
    {"2", "the same, to direct Cap'n Proto", Measure::kTimesRatio, "netmsg.ring.once.64", kFree,
     "peer.capnp-direct.trip.64", true, 0.5, ""},
    {"2", "the same, to a direct gRPC stream", Measure::kTimesRatio, "netmsg.ring.once.64", kFree,
     "peer.grpc-stream.trip.64", true, 0.5, ""},
    {"3", "16 threads of calls, to two ring hops", Measure::kTimesValue, "netmsg.ring.threads16.64", kOne,
     "floor.ring2.threads16.64", false, 0.7, ""},
    {"3", "batch call, 64 in flight, one CPU", Measure::kRatio, "netmsg.ring.batch64.64", kOne, "", false, 8,
     ""},
    {"4", "system calls a message, 1 / 64 in flight", Measure::kValue, "", kOne, "", true, 8,
     "counted by a tracer: README.md, Where the time goes"},
    {"5", "CPU us a message, 64 in flight", Measure::kCpu, "netmsg.ring.batch64.64", kOne, "", true, 1.0, ""},
    {"6", "socket lanes, RPC 64 B, one CPU", Measure::kRatio, "netmsg.socket.once.64", kOne, "", true, 3.6,
     ""},
    {"7", "a moved send right, there and back", Measure::kTimesValue, "netmsg.ring.moved-send.64", kOne,
     "netmsg.ring.once.64", true, 1.05, ""},
    {"8", "in-line 64 KiB, free, to four ring hops", Measure::kTimesValue, "netmsg.ring.trip.64K", kFree,
     "floor.ring4.trip.64K", true, 1.5, ""},
    {"9", "in-line 1 MiB, 8 in flight, to four ring hops", Measure::kTimesValue, "netmsg.ring.stream8.1M",
     kFree, "floor.ring4.stream8.1M", false, 0.6, ""},
    {"9", "the same, to ZeroMQ's broker", Measure::kTimesValue, "netmsg.ring.stream8.1M", kFree,
     "peer.zeromq-broker.stream8.1M", false, 2, ""},
    {"10", "region 1 MiB, to a sealed memfd", Measure::kTimesValue, "netmsg.ring.region.1M", kFree,
     "floor.sealed.1M", true, 1.3, ""},
    {"10", "region 64 MiB, to a sealed memfd", Measure::kTimesValue, "netmsg.ring.region.64M", kFree,
     "floor.sealed.64M", true, 1.3, ""},
    {"10", "region 1 GiB, to a sealed memfd", Measure::kTimesValue, "netmsg.ring.region.1G", kFree,
     "floor.sealed.1G", true, 1.3, ""},
    {"11", "1,000 clients, to 100", Measure::kTimesValue, "netmsg.ring.clients.1000", kFree,
     "netmsg.ring.clients.100", false, 0.8, ""},
    {"12", "daemon heap of an idle client, bytes", Measure::kValue, "netmsg.scale.idle-clients.bytes", kFree,
     "", true, 4096, ""},
    {"13", "remote RPC 64 B, one CPU, to TCP", Measure::kRatio, "netmsg.remote.trip.64", kOne, "", true, 3.0,
     ""},
    {"14", "the same with TLS", Measure::kRatio, "netmsg.remote-tls.trip.64", kOne, "", true, 3.7, ""},
    {"15", "remote, 1,024 in flight over 64 ports, to gathered TCP", Measure::kRatio,
     "netmsg.remote.flight1024.64", kFree, "", false, 0.25, ""},
    {"16", "remote 1 MiB, to a bare gRPC stream", Measure::kTimesValue, "netmsg.remote.stream8.1M", kFree,
     "peer.grpc-stream.stream8.1M", false, 0.8, ""},
    {"17", "remote with 1 ms of delay each way", Measure::kValue, "", kFree, "", true, 1.15,
     "needs a delay between two namespaces, which this kernel may not have"},
};

GoalRow not_measured(GoalRow row, const std::string& why) {
  row.note = why;
  return row;
}

bool compares(const Goal& goal) {
  return goal.measure == Measure::kTimesValue || goal.measure == Measure::kTimesRatio;
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
    case Measure::kValue:
      break;
  }
  return own.value();
}

GoalRow judged(const Goal& goal, const Rows& rows) {
  GoalRow row{goal.number, goal.what, Verdict::kNotMeasured, 0, goal.bound, goal.at_most, ""};
  if (*goal.recipe != '\0') return not_measured(std::move(row), goal.recipe);
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
