// What the kernels' stand-ins know of the memory in a GPU's place.
#ifndef MIXLINE_TESTS_FAKE_GPU_H_
#define MIXLINE_TESTS_FAKE_GPU_H_

namespace mixline::cuda {

// Does the copies that are queued before a kernel, and counts the kernel.
void BeforeLaunch();

}  // namespace mixline::cuda

#endif  // MIXLINE_TESTS_FAKE_GPU_H_
