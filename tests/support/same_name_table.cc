// SPDX-License-Identifier: Apache-2.0
#include "tests/support/same_name_table.h"

#include <array>

namespace netmsg::test {

namespace {

constexpr std::array<const char*, 9> kColumns = {"R", "R+S1", "R+S2", "S1", "S2", "SO", "DN1", "PS", "free"};

struct Row {
  unsigned destination;
  unsigned reply;
  std::array<const char*, 9> cells;
};

constexpr unsigned MS = MACH_MSG_TYPE_MOVE_SEND;
constexpr unsigned MO = MACH_MSG_TYPE_MOVE_SEND_ONCE;
constexpr unsigned CS = MACH_MSG_TYPE_COPY_SEND;
constexpr unsigned KS = MACH_MSG_TYPE_MAKE_SEND;
constexpr unsigned KO = MACH_MSG_TYPE_MAKE_SEND_ONCE;

// clang-format off
constexpr Row kRows[] = {
    // dest reply   R      R+S1    R+S2    S1      S2      SO   DN   PS   free
    {MS, MS, {"P",   "D",    "R",    "D",    "free", "P", "D", "P", "D"}},
    {MS, MO, {"P",   "P",    "P",    "P",    "P",    "D", "D", "P", "D"}},
    {MS, CS, {"P",   "R",    "R+S1", "free", "S1",   "P", "D", "P", "D"}},
    {MS, KS, {"D",   "R",    "R+S1", "P",    "P",    "P", "P", "P", "D"}},
    {MS, KO, {"D",   "R",    "R+S1", "P",    "P",    "P", "P", "P", "D"}},
    {MO, MS, {"P",   "D",    "D",    "D",    "D",    "P", "D", "P", "D"}},
    {MO, MO, {"P",   "P",    "P",    "P",    "P",    "D", "D", "P", "D"}},
    {MO, CS, {"P",   "D",    "D",    "D",    "D",    "P", "D", "P", "D"}},
    {MO, KS, {"D",   "D",    "D",    "P",    "P",    "P", "P", "P", "D"}},
    {MO, KO, {"D",   "D",    "D",    "P",    "P",    "P", "P", "P", "D"}},
    {CS, MS, {"P",   "R",    "R+S1", "free", "S1",   "P", "D", "P", "D"}},
    {CS, MO, {"P",   "P",    "P",    "P",    "P",    "D", "D", "P", "D"}},
    {CS, CS, {"P",   "R+S1", "R+S2", "S1",   "S2",   "P", "D", "P", "D"}},
    {CS, KS, {"D",   "R+S1", "R+S2", "P",    "P",    "P", "P", "P", "D"}},
    {CS, KO, {"D",   "R+S1", "R+S2", "P",    "P",    "P", "P", "P", "D"}},
    {KS, MS, {"P",   "R",    "R+S1", "D",    "D",    "P", "D", "P", "D"}},
    {KS, MO, {"P",   "P",    "P",    "P",    "P",    "D", "D", "P", "D"}},
    {KS, CS, {"P",   "R+S1", "R+S2", "D",    "D",    "P", "D", "P", "D"}},
    {KS, KS, {"R",   "R+S1", "R+S2", "P",    "P",    "P", "P", "P", "D"}},
    {KS, KO, {"R",   "R+S1", "R+S2", "P",    "P",    "P", "P", "P", "D"}},
    {KO, MS, {"P",   "R",    "R+S1", "D",    "D",    "P", "D", "P", "D"}},
    {KO, MO, {"P",   "P",    "P",    "P",    "P",    "D", "D", "P", "D"}},
    {KO, CS, {"P",   "R+S1", "R+S2", "D",    "D",    "P", "D", "P", "D"}},
    {KO, KS, {"R",   "R+S1", "R+S2", "P",    "P",    "P", "P", "P", "D"}},
    {KO, KO, {"R",   "R+S1", "R+S2", "P",    "P",    "P", "P", "P", "D"}},
};
// clang-format on

SameNameCell make_cell(const Row& row, std::size_t column) {
  const std::string cell = row.cells[column];
  SameNameCell made{row.destination, row.reply, kColumns[column], MACH_MSG_SUCCESS, cell};
  if (cell == "P") made.code = MACH_SEND_INVALID_REPLY;
  if (cell == "D") made.code = MACH_SEND_INVALID_DEST;
  if (made.code != MACH_MSG_SUCCESS) made.after = made.before;
  return made;
}

}  // namespace

std::vector<SameNameCell> same_name_table() {
  std::vector<SameNameCell> cells;
  for (const Row& row : kRows) {
    for (std::size_t column = 0; column < kColumns.size(); ++column) cells.push_back(make_cell(row, column));
  }
  return cells;
}

const char* disposition_name(unsigned disposition) {
  switch (disposition) {
    case MACH_MSG_TYPE_MOVE_RECEIVE:
      return "MOVE_RECEIVE";
    case MS:
      return "MOVE_SEND";
    case MO:
      return "MOVE_SEND_ONCE";
    case CS:
      return "COPY_SEND";
    case KS:
      return "MAKE_SEND";
    case KO:
      return "MAKE_SEND_ONCE";
    default:
      return "?";
  }
}

}  // namespace netmsg::test
