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
    def __init__(self, width, heads, positions, dropout):
        super().__init__()
        self.heads = heads
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
        scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(width // self.heads)
        scores = torch.where(self.causal[:, :, :length, :length], scores, torch.finfo(scores.dtype).min)
        probabilities = self.attention_dropout(F.softmax(scores, dim=-1))
        return torch.matmul(probabilities, value).permute(0, 2, 1, 3).contiguous().view(batch, length, width)


class Gpt2(nn.Module):
    def __init__(self, layers, width, heads, vocabulary, positions, dropout):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(positions, width)
        nn.init.normal_(self.wte.weight, std=0.02)
        nn.init.normal_(self.wpe.weight, std=0.02)
        self.drop = nn.Dropout(dropout)
        self.h = nn.ModuleList(Block(width, heads, positions, dropout) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, ids):
        x = self.drop(self.wte(ids) + self.wpe(torch.arange(ids.size(1))))
        for block in self.h:
            x = block(x)
        hidden = self.ln_f(x)
        return F.linear(hidden, self.wte.weight), hidden


def peak_resident_bytes():
    # Not getrusage: its maximum includes the process that started this one.
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def main():
    parser = argparse.ArgumentParser()
    for name in ("layers", "student-layers", "width", "heads", "vocabulary", "positions", "batch", "context"):
        parser.add_argument("--" + name, type=int, required=True)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--temperature", type=float, default=2.0)
    parser.add_argument("--threads", type=int, required=True)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)

    torch.manual_seed(1)
    teacher = Gpt2(a.layers, a.width, a.heads, a.vocabulary, a.positions, 0.0).eval()
    student = Gpt2(a.student_layers, a.width, a.heads, a.vocabulary, a.positions, a.dropout).train()
    optimiser = torch.optim.AdamW(student.parameters(), lr=5e-4, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.0)
    kl = nn.KLDivLoss(reduction="batchmean")
    cross_entropy = nn.CrossEntropyLoss(ignore_index=-100)
    cosine = nn.CosineEmbeddingLoss(reduction="mean")

    def step(ids):
        mask = torch.ones_like(ids, dtype=torch.bool)
        labels = ids.new(ids.size()).copy_(ids)
        labels[~mask] = -100
        student_logits, student_hidden = student(ids)
        with torch.no_grad():
            teacher_logits, teacher_hidden = teacher(ids)
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

    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for _ in sys.stdin:
        ids = torch.randint(a.vocabulary, (a.batch, a.context))
        started = time.perf_counter()
        loss = step(ids)
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "loss": loss, "peakResidentBytes": peak_resident_bytes()}), flush=True)


main()
