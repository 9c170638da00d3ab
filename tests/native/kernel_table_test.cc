// The choice of a kernel by the environment variable MIXLINE_ISA.
#include "cpu/kernel_table.h"

#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "check.h"

namespace mixline {
namespace {

// Sets MIXLINE_ISA and returns the chosen kernel's name, or what the refusal says.
std::string Chosen(const char* isa) {
  setenv("MIXLINE_ISA", isa, 1);
  std::string answer;
  try {
    answer = cpu::ChooseKernels().name;
  } catch (const std::invalid_argument& error) {
    answer = error.what();
  }
  unsetenv("MIXLINE_ISA");
  return answer;
}

TEST(mixline_isa_forces_every_available_kernel) {
  for (const cpu::Kernels* kernels : cpu::AvailableKernels()) {
    CHECK(Chosen(kernels->name) == kernels->name) << Chosen(kernels->name);
  }
  CHECK(Chosen("") == cpu::AvailableKernels().front()->name) << Chosen("");
}

TEST(mixline_isa_refuses_a_kernel_of_another_processor) {
#if defined(__aarch64__)
  const std::string answer = Chosen("avx2");
#else
  const std::string answer = Chosen("neon");
#endif
  CHECK(answer.find("not built in or not supported") != std::string::npos) << answer;
  CHECK(answer.find(cpu::AvailableNames(", ")) != std::string::npos) << answer;
}

TEST(mixline_isa_refuses_an_unknown_name) {
  CHECK(Chosen("NEON").find("no kernel's name") != std::string::npos) << Chosen("NEON");
}

}  // namespace
}  // namespace mixline
