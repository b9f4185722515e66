"""Heat maps: what in an image, or in a layer, a class score or a unit hangs on. Right on any way of writing a network.

Each is called as `method(model, images, target)`, or with `units` of a `source` instead of the target, and gives its
map at the input or at the output of a `layer`.
"""

from whynet.attribution.deconvnet import deconvnet
from whynet.attribution.excitation_backprop import excitation_backprop
from whynet.attribution.grad_cam import grad_cam
from whynet.attribution.guided_backprop import guided_backprop
from whynet.attribution.saliency import saliency

__all__ = ["deconvnet", "excitation_backprop", "grad_cam", "guided_backprop", "saliency"]
