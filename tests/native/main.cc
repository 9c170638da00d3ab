// Runs every test; exit status 1 if a check failed.
#include <cstdio>

#include "check.h"
#include "cpu/kernel_table.h"

namespace mixline::test {
namespace {
int failures = 0;
}

std::vector<Case>& Cases() {
  static std::vector<Case> cases;
  return cases;
}

void Fail(const char* file, int line, const std::string& message) {
  ++failures;
  std::printf("%s:%d: %s\n", file, line, message.c_str());
}

}  // namespace mixline::test

int main() {
  using namespace mixline::test;
  std::printf("kernels: %s\n", mixline::cpu::AvailableNames(", ").c_str());
  for (const Case& c : Cases()) {
    const int before = failures;
    c.run();
    std::printf("%s %s\n", failures == before ? "ok  " : "FAIL", c.name);
  }
  std::printf("%zu tests, %d failed checks\n", Cases().size(), failures);
  return failures == 0 ? 0 : 1;
}
