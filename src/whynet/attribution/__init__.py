"""Heat maps, images by ascent and receptive fields: what a score or a unit hangs on, would like most, and can see.

A heat map is called as `method(model, images, target)`, or with `units` of a `source` instead of the target, and lies
at the input or at the output of a `layer`; right on any way of writing a network. `activation_maximisation` needs no
images: `activation_maximisation(model, target)`. `upsample` and `overlay` show a map, and `methods.heat_map` takes a
method by its name.
"""

from whynet.attribution.activation_maximisation import activation_maximisation
from whynet.attribution.adversarial_images import fgsm, pgd, sign_noise
from whynet.attribution.deconvnet import deconvnet
from whynet.attribution.excitation_backprop import excitation_backprop
from whynet.attribution.grad_cam import grad_cam
from whynet.attribution.guided_backprop import guided_backprop
from whynet.attribution.image_resolution_field import ImageResolutionField, image_resolution_field
from whynet.attribution.overlay import overlay
from whynet.attribution.pictures import as_pictures
from whynet.attribution.receptive_field import ReceptiveField, receptive_field
from whynet.attribution.regularisers import FROM_IMAGES, FROM_NOISE, Regularisers
from whynet.attribution.saliency import saliency
from whynet.attribution.upsampling import upsample
from whynet.attribution.x_features import x_feature_maps

__all__ = [
    "FROM_IMAGES",
    "FROM_NOISE",
    "ImageResolutionField",
    "ReceptiveField",
    "Regularisers",
    "activation_maximisation",
    "as_pictures",
    "deconvnet",
    "excitation_backprop",
    "fgsm",
    "grad_cam",
    "guided_backprop",
    "image_resolution_field",
    "overlay",
    "pgd",
    "receptive_field",
    "saliency",
    "sign_noise",
    "upsample",
    "x_feature_maps",
]
