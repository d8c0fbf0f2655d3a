"""One distillation step in PyTorch, as Hugging Face's distillation project makes it: logits of all tokens, masked selection,
KL divergence at temperature T, shifted cross-entropy, cosine of the last hidden states, clipping, AdamW. GPT-2 is written out
here, so that nothing but PyTorch is needed. Reads lines from its input, makes one step for each, and answers with one line of JSON."""

import argparse
import json
import math
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Conv1D(nn.Module):
    """x W + b, W stored [inputs, outputs] as in GPT-2's checkpoints."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs).normal_(std=0.02))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return torch.addmm(self.bias, x.reshape(-1, x.size(-1)), self.weight).view(*x.shape[:-1], -1)


def gelu_new(x):
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


class Block(nn.Module):
    def __init__(self, width, heads, positions, dropout, attention):
        super().__init__()
        self.heads, self.dropout, self.fused = heads, dropout, attention == "sdpa"
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = Conv1D(width, 3 * width), Conv1D(width, width)
        self.c_fc, self.mlp_c_proj = Conv1D(width, 4 * width), Conv1D(4 * width, width)
        self.attention_dropout, self.residual_dropout = nn.Dropout(dropout), nn.Dropout(dropout)
        self.mlp_dropout = nn.Dropout(dropout)
        self.register_buffer("causal", torch.tril(torch.ones(positions, positions, dtype=torch.bool)).view(1, 1, positions, positions))

    def forward(self, x):
        x = x + self.residual_dropout(self.c_proj(self.attention(self.ln_1(x))))
        return x + self.mlp_dropout(self.mlp_c_proj(gelu_new(self.c_fc(self.ln_2(x)))))

    def attention(self, x):
        batch, length, width = x.shape
        query, key, value = (third.view(batch, length, self.heads, -1).permute(0, 2, 1, 3) for third in self.c_attn(x).split(width, dim=2))
        if self.fused:
            mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=self.dropout if self.training else 0.0, is_causal=True)
            return mixed.permute(0, 2, 1, 3).contiguous().view(batch, length, width)
        scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(width // self.heads)
        scores = torch.where(self.causal[:, :, :length, :length], scores, torch.finfo(scores.dtype).min)
        probabilities = self.attention_dropout(F.softmax(scores, dim=-1))
        return torch.matmul(probabilities, value).permute(0, 2, 1, 3).contiguous().view(batch, length, width)


class Gpt2(nn.Module):
    def __init__(self, layers, width, heads, vocabulary, positions, dropout, attention):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(positions, width)
        nn.init.normal_(self.wte.weight, std=0.02)
        nn.init.normal_(self.wpe.weight, std=0.02)
        self.drop = nn.Dropout(dropout)
        self.h = nn.ModuleList(Block(width, heads, positions, dropout, attention) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, ids):
        x = self.drop(self.wte(ids) + self.wpe(torch.arange(ids.size(1), device=ids.device)))
        for block in self.h:
            x = block(x)
        hidden = self.ln_f(x)
        return F.linear(hidden, self.wte.weight), hidden


def peak_resident_bytes():
    # Not getrusage: its maximum includes the process that started this one.
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


TEACHERS = {  # layers, width, heads, vocabulary, positions
    "gpt2": (12, 768, 12, 50257, 1024),
    "tiny": (6, 256, 4, 4096, 256),
}


def step_flops(teacher, student_layers, tokens, context):
    """Of the matrix products, 2 for each multiply-add: causal attention does half of its square, backward costs twice forward."""
    layers, width, _, vocabulary, _ = TEACHERS[teacher]
    layer, head = 24 * width * width + 2 * context * width, 2 * width * vocabulary
    return tokens * (layers * layer + head + 3 * (student_layers * layer + head))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--teacher", choices=TEACHERS, required=True)
    parser.add_argument("--student-layers", type=int, help="half of the teacher's")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--context", type=int, required=True)
    parser.add_argument("--no-dropout", action="store_true", help="dropout 0 instead of 0.1")
    parser.add_argument("--temperature", type=float, default=2.0)
    parser.add_argument("--threads", type=int, help="as many as there are cores")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--numbers", choices=["Float32", "TensorFloat32", "BFloat16"], default="Float32", help="BFloat16 by autocast")
    parser.add_argument("--attention", choices=["eager", "sdpa"], default="eager", help="scores written out, or PyTorch's fused operator")
    parser.add_argument("--steps", type=int, help="so many in a row after three that are not measured, instead of one for each line of the input")
    a = parser.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.backends.cuda.matmul.allow_tf32 = a.numbers == "TensorFloat32"
    is_cuda = a.device.startswith("cuda")

    layers, width, heads, vocabulary, positions = TEACHERS[a.teacher]
    student_layers = a.student_layers or layers // 2
    torch.manual_seed(1)
    teacher = Gpt2(layers, width, heads, vocabulary, positions, 0.0, a.attention).eval().to(a.device)
    student = Gpt2(student_layers, width, heads, vocabulary, positions, 0.0 if a.no_dropout else 0.1, a.attention).train().to(a.device)
    optimiser = torch.optim.AdamW(student.parameters(), lr=5e-4, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.0)
    kl = nn.KLDivLoss(reduction="batchmean")
    cross_entropy = nn.CrossEntropyLoss(ignore_index=-100)
    cosine = nn.CosineEmbeddingLoss(reduction="mean")

    def step(ids):
        mask = torch.ones_like(ids, dtype=torch.bool)
        labels = ids.new(ids.size()).copy_(ids)
        labels[~mask] = -100
        with torch.autocast("cuda" if is_cuda else "cpu", dtype=torch.bfloat16, enabled=a.numbers == "BFloat16"):
            student_logits, student_hidden = student(ids)
            with torch.no_grad():
                teacher_logits, teacher_hidden = teacher(ids)
        # The losses in 32 bits, whatever the matrices were multiplied in.
        student_logits, student_hidden, teacher_logits, teacher_hidden = (
            x.float() for x in (student_logits, student_hidden, teacher_logits, teacher_hidden))
        selected = mask.unsqueeze(-1).expand_as(student_logits)
        student_rows = torch.masked_select(student_logits, selected).view(-1, student_logits.size(-1))
        teacher_rows = torch.masked_select(teacher_logits, selected).view(-1, teacher_logits.size(-1))
        loss = 5.0 * kl(F.log_softmax(student_rows / a.temperature, dim=-1),
                        F.softmax(teacher_rows / a.temperature, dim=-1)) * a.temperature ** 2
        shifted, targets = student_logits[..., :-1, :].contiguous(), labels[..., 1:].contiguous()
        loss = loss + 2.0 * cross_entropy(shifted.view(-1, shifted.size(-1)), targets.view(-1))
        wide = mask.unsqueeze(-1).expand_as(student_hidden)
        student_vectors = torch.masked_select(student_hidden, wide).view(-1, student_hidden.size(-1))
        teacher_vectors = torch.masked_select(teacher_hidden, wide).view(-1, teacher_hidden.size(-1))
        loss = loss + 1.0 * cosine(student_vectors, teacher_vectors, student_vectors.new(student_vectors.size(0)).fill_(1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimiser.step()
        optimiser.zero_grad()
        return loss.item()

    def new_ids():
        return torch.randint(vocabulary, (a.batch, a.context)).to(a.device)

    name = f"PyTorch {torch.__version__}, {torch.cuda.get_device_name() if is_cuda else f'{torch.get_num_threads()} threads'}"
    if a.steps:
        for _ in range(3):
            loss_after_warmup = step(new_ids())
        started = time.perf_counter()
        for _ in range(a.steps):
            loss = step(new_ids())
        seconds, tokens = (time.perf_counter() - started) / a.steps, a.batch * a.context
        print(json.dumps({
            "check": "step", "name": name, "teacher": a.teacher, "studentLayers": student_layers, "numbers": a.numbers, "attention": a.attention,
            "batch": a.batch, "context": a.context, "steps": a.steps, "tokensPerSecond": round(tokens / seconds, 1),
            "teraflopsPerSecond": step_flops(a.teacher, student_layers, tokens, a.context) / seconds / 1e12,
            "lossAfterWarmup": loss_after_warmup, "lossAtTheEnd": loss,
            # Of tensors; and with what the allocator keeps for later, which is what the driver counts.
            "devicePeakAllocatedMebibytes": torch.cuda.max_memory_allocated() >> 20 if is_cuda else None,
            "devicePeakReservedMebibytes": torch.cuda.max_memory_reserved() >> 20 if is_cuda else None,
            "peakResidentMebibytes": peak_resident_bytes() >> 20}), flush=True)
        return

    print(json.dumps({"name": name}), flush=True)
    for _ in sys.stdin:
        ids = new_ids()
        started = time.perf_counter()
        loss = step(ids)
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "loss": loss, "peakResidentBytes": peak_resident_bytes()}), flush=True)


main()
