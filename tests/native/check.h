// A test is a function; a failed check prints where, and what was compared, and goes on.
#ifndef MIXLINE_TESTS_CHECK_H_
#define MIXLINE_TESTS_CHECK_H_

#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace mixline::test {

struct Case {
  const char* name;
  std::function<void()> run;
};

std::vector<Case>& Cases();
void Fail(const char* file, int line, const std::string& message);

struct Registrar {
  Registrar(const char* name, std::function<void()> run) { Cases().push_back({name, run}); }
};

}  // namespace mixline::test

#define TEST(name)                                                              \
  static void Test_##name();                                                    \
  static const ::mixline::test::Registrar registrar_##name(#name, Test_##name); \
  static void Test_##name()

// CHECK(condition) << what is needed to understand the failure;
#define CHECK(condition)                                       \
  for (bool ok = static_cast<bool>(condition); !ok; ok = true) \
  ::mixline::test::Failure(__FILE__, __LINE__, #condition)

namespace mixline::test {

// Collects a failure's message and reports it when the statement ends.
class Failure {
 public:
  Failure(const char* file, int line, const char* condition) : file_(file), line_(line) {
    text_ << condition << ' ';
  }
  ~Failure() { Fail(file_, line_, text_.str()); }

  template <typename T>
  Failure& operator<<(const T& value) {
    text_ << value;
    return *this;
  }

 private:
  const char* file_;
  int line_;
  std::ostringstream text_;
};

}  // namespace mixline::test

#endif  // MIXLINE_TESTS_CHECK_H_
