// Choosing the experts of a token from its router logits: pure functions, no ONNX Runtime.
#ifndef MIXLINE_ROUTING_H_
#define MIXLINE_ROUTING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mixline {

enum class Scoring { kSoftmax, kSigmoid };

struct RouterConfig {
  size_t k = 1;  // slots per token
  Scoring scoring = Scoring::kSoftmax;
  bool normalize = false;           // divide the kept weights by their sum
  bool softmax_after_topk = false;  // softmax over the chosen logits instead of over all
  size_t n_group = 0;               // experts form this many equal groups; 0: no groups
  size_t topk_group = 0;            // groups that may be chosen from
  float scale = 1.0F;               // multiplies the final weights
};

// How many of a token's k experts are used.
struct Effort {
  size_t max_experts;  // 1..k
  double mass;         // stop when the chosen ones hold this share of the k experts' mass; 0: off
};

// Decodes the operator's effort input: 0 < e <= 1 keeps ceil(e * k) experts, -1 <= e < 0 the fewest
// that hold -e of the mass. Throws std::invalid_argument for anything else.
Effort DecodeEffort(float effort, size_t k);

// Throws std::invalid_argument if the configuration does not fit the number of experts.
void CheckRouter(const RouterConfig& config, size_t num_experts);

// Buffers of one thread, kept from token to token.
struct RouterScratch {
  explicit RouterScratch(size_t num_experts) : score(num_experts), order(num_experts) {}

  std::vector<double> score;         // [experts] the weight an expert would get
  std::vector<double> choice;        // [experts] what the choice goes by: score and bias
  std::vector<double> chosen;        // [k] weights of the chosen ones
  std::vector<int32_t> order;        // candidate experts
  std::vector<double> group;         // [n_group] score of each group
  std::vector<int32_t> group_order;  // [n_group] the best first
};

// Routes one token. `logits` and `bias` (may be NULL; it takes part in the choice only) have one
// finite value per expert. Writes k ids and weights; unused slots are -1 and 0. Equal scores go to
// the lower id.
void RouteToken(const RouterConfig& config, const Effort& effort, const float* logits,
                const float* bias, RouterScratch& scratch, int32_t* ids, float* weights);

}  // namespace mixline

#endif  // MIXLINE_ROUTING_H_
