"""Writes a random language model of 9 million parameters as GGUF, in a second: `random-model.py FILE`.

A llama of eight layers with a vocabulary of words that are whole UTF-8, so that every token is text of its own. Rows of special
and byte tokens in the output matrix are zero, so that no token ends a response early: each is as long as it was asked to be.
"""

import string
import sys

import gguf
import numpy

EMBEDDING, LAYERS, FORWARD, HEADS, CONTEXT = 256, 8, 768, 4, 32768
LETTERS = "\u2581" + string.ascii_lowercase

special = ["<unk>", "<s>", "</s>"]
of_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
words = [*LETTERS, *(a + b for a in LETTERS for b in LETTERS), *(f"\u2581{n}" for n in range(3000))]
tokens = special + of_bytes + words
kinds = gguf.TokenType

writer = gguf.GGUFWriter(sys.argv[1], "llama")
writer.add_name("random")
writer.add_context_length(CONTEXT)
writer.add_embedding_length(EMBEDDING)
writer.add_block_count(LAYERS)
writer.add_feed_forward_length(FORWARD)
writer.add_head_count(HEADS)
writer.add_head_count_kv(HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_dimension_count(EMBEDDING // HEADS)
writer.add_vocab_size(len(tokens))
writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
writer.add_tokenizer_model("llama")
writer.add_token_list(tokens)
# Of two ways to merge letters, the tokenizer takes the one with the higher score.
writer.add_token_scores([0.0] * len(special + of_bytes) + [-float(rank) for rank in range(len(words))])
writer.add_token_types([kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL] + [kinds.BYTE] * 256 + [kinds.NORMAL] * len(words))
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_unk_token_id(0)
writer.add_chat_template("{% for message in messages %}{{ message.content }} {% endfor %}")

random = numpy.random.default_rng(1)


def matrix(rows: int, columns: int):
    return (random.standard_normal((rows, columns), dtype=numpy.float32) / columns**0.5).astype(numpy.float16)


ones = numpy.ones(EMBEDDING, dtype=numpy.float32)
output = matrix(len(tokens), EMBEDDING)
output[: len(special + of_bytes)] = 0
writer.add_tensor("token_embd.weight", matrix(len(tokens), EMBEDDING))
writer.add_tensor("output_norm.weight", ones)
writer.add_tensor("output.weight", output)
for layer in range(LAYERS):
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.{layer}.{name}.weight", ones)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.{layer}.{name}.weight", matrix(EMBEDDING, EMBEDDING))
    for name, shape in (("gate", (FORWARD, EMBEDDING)), ("up", (FORWARD, EMBEDDING)), ("down", (EMBEDDING, FORWARD))):
        writer.add_tensor(f"blk.{layer}.ffn_{name}.weight", matrix(*shape))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
