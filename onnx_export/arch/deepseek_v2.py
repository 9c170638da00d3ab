"""The family `deepseek_v2`: DeepSeek-Coder-V2, DeepSeek-V2, and both of them as Lite.

Defaults of absent keys and the meaning of each are those of transformers' DeepseekV2Config.
"""

from typing import Final

from onnx_export.arch.common import (
    EMBEDDING,
    FINAL_NORM,
    Sizes,
    check_sizes,
    dense_mlp,
    layer_tensors,
    read_head,
    router,
    separate_experts,
    stacked_mixture,
)
from onnx_export.arch.experts import SeparateExperts
from onnx_export.arch.layers import LatentAttention, Linear, Mixture, SharedExpert, Vector
from onnx_export.arch.spec import DecoderSpec, Routing
from onnx_export.hf_config import HfConfig
from onnx_export.rope import Rope, mscale
from onnx_export.rope_config import read_rope

MODEL_TYPE: Final = "deepseek_v2"
_LATENT_EPS: Final = 1e-6  # of the norms inside attention, whatever `rms_norm_eps` says
_GREEDY, _BY_GROUPS = "greedy", "group_limited_greedy"


def read_spec(config: HfConfig) -> DecoderSpec:
    """Translate the configuration.

    Raises:
        UnsupportedError: it asks for something that transformers would compute and the graph not.
        CheckpointError: a key is missing, of the wrong type, or contradicts another one.
    """
    hidden = config.integer("hidden_size", default=4096)
    heads = config.integer("num_attention_heads", default=32)
    experts = config.integer("n_routed_experts", "num_experts", default=64)
    experts_per_token = config.integer("num_experts_per_tok")
    expert_hidden = config.integer("moe_intermediate_size", default=1407)
    num_shared = config.integer("n_shared_experts", default=2)
    dense_hidden = config.integer("intermediate_size", default=11_008)
    first_mixture = config.integer("first_k_dense_replace", default=0, low=0)
    context = config.integer("max_position_embeddings", default=2048)
    num_layers = config.integer("num_hidden_layers", default=32)
    attention = _Attention(config, hidden, heads)
    rope, all_dims = read_rope(config, Rope(theta=10_000.0, dims=attention.rope), context)
    vocab = config.integer("vocab_size", default=102_400)
    norm_eps = config.number("rms_norm_eps", default=1e-6)
    routing = _read_routing(config, experts, experts_per_token)
    head = read_head(config)
    _refuse_variants(config, heads)
    config.refuse_the_rest()
    head_dim = max(attention.key, attention.value)
    sizes = Sizes(hidden=hidden, heads=heads, kv_heads=heads, head_dim=head_dim)
    check_sizes(sizes, experts, experts_per_token)

    def feed_forward(prefix: str, index: int) -> Mixture | SeparateExperts:
        if index < first_mixture:
            return dense_mlp(prefix, hidden, dense_hidden)
        shared = dense_mlp(f"{prefix}.shared_experts", hidden, num_shared * expert_hidden)
        return Mixture(
            router=router(f"{prefix}.gate", hidden, experts),
            experts=separate_experts(f"{prefix}.experts", hidden, expert_hidden, experts),
            shared=SharedExpert(experts=shared, gate=None),
            renamed=stacked_mixture(prefix, "gate", hidden, expert_hidden, experts),
        )

    growth = mscale(rope.factor, all_dims) if all_dims else 1.0
    return DecoderSpec(
        model_type=MODEL_TYPE,
        vocab=vocab,
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=head_dim,
        experts=experts,
        experts_per_token=experts_per_token,
        expert_hidden=expert_hidden,
        context=context,
        norm_eps=norm_eps,
        embedding=EMBEDDING,
        final_norm=FINAL_NORM,
        head=head,
        layers=tuple(
            layer_tensors(
                start, hidden, attention.tensors(start), feed_forward(f"{start}.mlp", index)
            )
            for index, start in ((index, f"model.layers.{index}") for index in range(num_layers))
        ),
        ropes=(rope,),
        attention_scale=attention.key**-0.5 * growth**2,
        routing=routing,
    )


class _Attention:
    """Sizes of latent attention, read from the configuration."""

    def __init__(self, config: HfConfig, hidden: int, heads: int) -> None:
        self._hidden = hidden
        self._heads = heads
        self.nope = config.integer("qk_nope_head_dim", default=128)
        self.rope = config.integer("qk_rope_head_dim", default=64)
        if self.rope % 2:
            raise config.error("qk_rope_head_dim", "even")
        self.key = self.nope + self.rope
        self.value = config.integer("v_head_dim", default=128)
        self._kv_rank = config.integer("kv_lora_rank", default=512)
        self._query_rank = config.integer_or_null("q_lora_rank", default=1536)
        self._bias = config.boolean("attention_bias", default=False)

    def tensors(self, layer: str) -> LatentAttention:
        """Name the tensors of one layer."""
        start, rank = f"{layer}.self_attn", self._query_rank
        heads, hidden = self._heads, self._hidden

        def linear(name: str, outputs: int, inputs: int, *, biased: bool = False) -> Linear:
            bias = f"{start}.{name}.bias" if biased else None
            return Linear(
                weight=f"{start}.{name}.weight", outputs=outputs, inputs=inputs, bias=bias
            )

        queries = heads * self.key
        if rank is None:
            down, norm, query = None, None, linear("q_proj", queries, hidden)
        else:
            down = linear("q_a_proj", rank, hidden, biased=self._bias)
            norm = Vector(name=f"{start}.q_a_layernorm.weight", size=rank)
            query = linear("q_b_proj", queries, rank)
        latent = self._kv_rank + self.rope
        return LatentAttention(
            query_down=down,
            query_norm=norm,
            query=query,
            kv_down=linear("kv_a_proj_with_mqa", latent, hidden, biased=self._bias),
            kv_norm=Vector(name=f"{start}.kv_a_layernorm.weight", size=self._kv_rank),
            kv_up=linear("kv_b_proj", heads * (self.nope + self.value), self._kv_rank),
            output=linear("o_proj", hidden, heads * self.value, biased=self._bias),
            nope=self.nope,
            rope=self.rope,
            value=self.value,
            norm_eps=_LATENT_EPS,
        )


def _read_routing(config: HfConfig, experts: int, experts_per_token: int) -> Routing:
    """Return how a token's experts are chosen: among all, or in its best groups.

    Raises:
        UnsupportedError: in another way.
        CheckpointError: the groups do not fit the experts.
    """
    scale = config.number("routed_scaling_factor", default=1.0)
    groups = config.integer("n_group", default=1)
    open_groups = config.integer("topk_group", default=1)
    method = config.text("topk_method", _GREEDY)
    config.require("topk_method", _GREEDY, _BY_GROUPS)
    config.require("scoring_func", "softmax")
    # transformers leaves the weights as they are, the model's own code divides them by their sum.
    config.require("norm_topk_prob", False)
    if method == _GREEDY:
        return Routing(scale=scale)
    if experts % groups:
        raise config.error("n_group", f"a divisor of the {experts} experts")
    if not experts_per_token <= open_groups * (experts // groups) <= experts:
        raise config.error("topk_group", f"so many of {groups} groups that a token finds experts")
    return Routing(n_group=groups, topk_group=open_groups, scale=scale)


def _refuse_variants(config: HfConfig, heads: int) -> None:
    config.require("hidden_act", "silu")
    config.require("mlp_bias", False)
    config.require("moe_layer_freq", 1)
    config.require("num_key_value_heads", heads)  # they are all products of one latent vector
    for key in ("head_dim", "qk_head_dim"):  # which transformers computes and writes
        config.ignore(key)
    for key in ("aux_loss_alpha", "seq_aux", "ep_size"):  # of training
        config.ignore(key)
