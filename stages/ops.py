"""Every computation that stages and layers are made of: its CPU kernel, and its twin for other targets.

    name = by_target(kernel, operator)

The two have the same parameters, all of them named in a call. The docstring of the kernel describes both; the
operator's says what differs. The last two have no twin: a layer calls them on the targets that `dispatch` names.
"""

from __future__ import annotations

import stages.kernels.add_source
import stages.kernels.attention
import stages.kernels.bfloat16
import stages.kernels.conv1d
import stages.kernels.embedding
import stages.kernels.harmonic_source
import stages.kernels.instance_norm
import stages.kernels.layer_norm
import stages.kernels.lstm_scan
import stages.kernels.overlap_add
import stages.kernels.ports
import stages.kernels.stft
import stages.kernels.upsample
import stages.kernels.winograd
import stages.operators.add_source
import stages.operators.attention
import stages.operators.conv1d
import stages.operators.embedding
import stages.operators.harmonic_source
import stages.operators.instance_norm
import stages.operators.layer_norm
import stages.operators.lstm_scan
import stages.operators.overlap_add
import stages.operators.ports
import stages.operators.stft
import stages.operators.upsample
from stages.dispatch import by_target

kernels = stages.kernels
operators = stages.operators

# tokens
embedding = by_target(kernels.embedding.embedding, operators.embedding.embedding)
attention = by_target(kernels.attention.attention, operators.attention.attention)
layer_norm = by_target(kernels.layer_norm.layer_norm, operators.layer_norm.layer_norm)
ada_layer_norm = by_target(kernels.layer_norm.ada_layer_norm, operators.layer_norm.ada_layer_norm)

# tokens and frames
conv1d = by_target(kernels.conv1d.conv1d, operators.conv1d.conv1d)
lstm_scan = by_target(kernels.lstm_scan.lstm_scan, operators.lstm_scan.lstm_scan)
moments = by_target(kernels.instance_norm.moments, operators.instance_norm.moments)
adain = by_target(kernels.instance_norm.adain, operators.instance_norm.adain)
depthwise_upsample = by_target(kernels.upsample.depthwise_upsample, operators.upsample.depthwise_upsample)
repeat_rows = by_target(kernels.upsample.repeat_rows, operators.upsample.repeat_rows)

# samples
harmonic_source = by_target(kernels.harmonic_source.harmonic_source, operators.harmonic_source.harmonic_source)
stft = by_target(kernels.stft.stft, operators.stft.stft)
add_source = by_target(kernels.add_source.add_source, operators.add_source.add_source)
overlap_add = by_target(kernels.overlap_add.overlap_add, operators.overlap_add.overlap_add)

# layouts
to_time_major = by_target(kernels.ports.to_time_major, operators.ports.to_time_major)
to_channel_major = by_target(kernels.ports.to_channel_major, operators.ports.to_channel_major)
store_port = by_target(kernels.ports.store_port, operators.ports.store_port)
concatenate = by_target(kernels.ports.concatenate, operators.ports.concatenate)

# conv1d on weights of another layout: where dispatch.in_bf16() or dispatch.filtering_pays() holds
bf16_conv1d = kernels.bfloat16.bf16_conv1d
winograd_conv1d = kernels.winograd.winograd_conv1d
