#include "tests/check_report.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

// A test's name ends in its column: "round_trip/host"; one without runs once.
std::string column_of(const std::string &name) {
  size_t at = name.rfind('/');
  return at != std::string::npos ? name.substr(at + 1) : "once";
}

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (char &c : text)
    if (c == '\n' || c == '\t') c = ' ';
  return text;
}

// suite, column, passed, failed, skipped; and for every skipped test: "skip", its name, the reason.
class Report : public testing::EmptyTestEventListener {
 public:
  Report(bool appends, bool has_ptx) : appends_(appends), has_ptx_(has_ptx) {}

  void OnTestEnd(const testing::TestInfo &info) override {
    const testing::TestResult &result = *info.result();
    Counts &counts = counts_[{info.test_suite_name(), column_of(info.name())}];
    counts.of[result.Failed() ? 1 : result.Skipped() ? 2 : 0]++;
    if (!result.Skipped()) return;
    std::string reason = "no reason";
    for (int i = 0; i < result.total_part_count(); i++)
      if (result.GetTestPartResult(i).skipped()) reason = one_line(result.GetTestPartResult(i).message());
    skips_.push_back(std::string(info.test_suite_name()) + "." + info.name() + "\t" + reason);
  }

  void OnTestProgramEnd(const testing::UnitTest &) override {
    const char *path = getenv("LAZYRT_TEST_REPORT");
    if (path == nullptr || *path == '\0') return;
    FILE *file = fopen(path, appends_ ? "a" : "w");
    if (file == nullptr) {
      fprintf(stderr, "LAZYRT_TEST_REPORT: %s: %s\n", path, strerror(errno));
      return;
    }
    for (const auto &entry : counts_)
      fprintf(file, "%s\t%s\t%d\t%d\t%d\n", entry.first.first.c_str(), entry.first.second.c_str(),
              entry.second.of[0], entry.second.of[1], entry.second.of[2]);
    for (const std::string &skip : skips_) fprintf(file, "skip\t%s\n", skip.c_str());
    if (!has_ptx_) fprintf(file, "absent\tptx\n");
    fclose(file);
  }

 private:
  struct Counts {
    int of[3] = {0, 0, 0};
  };
  std::map<std::pair<std::string, std::string>, Counts> counts_;
  std::vector<std::string> skips_;
  bool appends_, has_ptx_;
};

}  // namespace

void check_report_begin(bool appends, bool has_ptx) {
  testing::UnitTest::GetInstance()->listeners().Append(new Report(appends, has_ptx));
}
