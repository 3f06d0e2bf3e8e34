// SPDX-License-Identifier: MIT
//
// Goal: the log has a line for each change, and no more, however often something is tried.
// Method: rows of attempts.
#include "app/save_report.h"

#include <gtest/gtest.h>

#include "log_lines.h"

namespace roost::app {
namespace {

TEST(SaveReport, SaysOnceThatItFailsAndOnceThatItWorksAgain) {
  struct Row {
    bool works;
    size_t errors;
    size_t infos;
  };
  constexpr Row kRows[] = {
      {true, 0, 0}, {true, 0, 0}, {false, 1, 0}, {false, 1, 0}, {false, 1, 0},
      {true, 1, 1}, {true, 1, 1}, {false, 2, 1}, {true, 2, 2},
  };
  LogLines log;
  SaveReport report(log, "the diary");
  for (const Row& row : kRows) {
    report.note(row.works ? Result<Done, std::string>(Done())
                          : Failure(std::string("cannot write it")));
    EXPECT_EQ(report.is_failing(), !row.works);
    EXPECT_EQ(log.errors(), row.errors);
    EXPECT_EQ(log.infos(), row.infos);
    EXPECT_EQ(log.warnings(), 0u);
  }
}

TEST(SaveReport, SaysWhatAndWhy) {
  LogLines log;
  SaveReport report(log, "the diary");
  report.note(Failure(std::string("cannot write it")));
  EXPECT_EQ(log.last(), "the diary is not saved: cannot write it");
  report.note(Done());
  EXPECT_EQ(log.last(), "the diary is saved again");
}

}  // namespace
}  // namespace roost::app
