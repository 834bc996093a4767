"""The catalogue's weights: what metrics and losses read."""

from sharploss.assets.asset import Asset, File

_RAW = "https://raw.githubusercontent.com"
_VIDEO_QUALITY = f"{_RAW}/aizvorski/video-quality/21594567d03fb7dfda5b3a070ad0cf6cd3e353e5"
_MDF = f"{_RAW}/gfxdisp/mdf/3901f237cb1e9ac48c2f6ad9b4ff9f4578caedde/weights"
_TORCH = "https://download.pytorch.org/models"
_ALEXNET = "Krizhevsky, One weird trick for parallelizing convolutional neural networks (2014); torchvision"
_VGG = "Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, ICLR 2015"
_MUSTAFA = "Mustafa et al., Training a task-specific image reconstruction loss, WACV 2022"

WEIGHTS: dict[str, Asset] = {
    "alexnet": Asset(
        kind="weights",
        role="metric LPIPS (alex)",
        licence="BSD-3-Clause",
        citation=_ALEXNET,
        files=(
            File(
                "weights/alexnet_features.safetensors",
                "9f97fd313f4da83dbe6bbfbe6effca1241de9edfcd7c53386261ed9697286dd9",
                9879632,
            ),
        ),
        note="The convolutions of alexnet_torchvision alone; on mirrors only.",
    ),
    "alexnet_torchvision": Asset(
        kind="weights",
        role="metric LPIPS (alex)",
        licence="BSD-3-Clause",
        citation=_ALEXNET,
        files=(
            File("weights/alexnet-owt-7be5be79.pth", "7be5be79", None, urls=(f"{_TORCH}/alexnet-owt-7be5be79.pth",)),
        ),
        note="AlexNet_Weights.IMAGENET1K_V1; torchvision puts the first digits of the sha256 into the name.",
    ),
    "vgg16_torchvision": Asset(
        kind="weights",
        role="loss and metric LPIPS (vgg)",
        licence="BSD-3-Clause",
        citation=f"{_VGG}; torchvision",
        files=(File("weights/vgg16-397923af.pth", "397923af", None, urls=(f"{_TORCH}/vgg16-397923af.pth",)),),
        note="VGG16_Weights.IMAGENET1K_V1; 528 MB, which measuring does not download by itself.",
    ),
    "vgg19": Asset(
        kind="weights",
        role="perceptual losses",
        licence="CC BY 4.0",
        citation=_VGG,
        files=(
            File(
                "weights/vgg19_features_fp16.safetensors",
                "8f82b2d384bf6bfbe7a892ec15f6f6e5acb688810a721337d46f9f6c6bfca06c",
                40051552,
            ),
        ),
        note="Oxford's weights of 2014 as float16, on mirrors only: their activations are one to two orders of "
        "magnitude larger than those of vgg19_torchvision, so loss weights do not carry over.",
    ),
    "vgg19_torchvision": Asset(
        kind="weights",
        role="perceptual losses",
        licence="BSD-3-Clause",
        citation=f"{_VGG}; torchvision",
        files=(File("weights/vgg19-dcbb9e9d.pth", "dcbb9e9d", None, urls=(f"{_TORCH}/vgg19-dcbb9e9d.pth",)),),
        note="VGG19_Weights.IMAGENET1K_V1; torchvision puts the first digits of the sha256 into the name.",
    ),
    "mdf_sisr": Asset(
        kind="weights",
        role="MDF loss (super-resolution)",
        licence="BSD-3-Clause",
        citation=_MUSTAFA,
        files=(
            File(
                "weights/Ds_SISR.pth",
                "69ff954e399176a4869cbc27019df02a32b6600f0f4458f5580c1a7cae8c50b1",
                4174841,
                urls=(f"{_MDF}/Ds_SISR.pth",),
            ),
        ),
        note="A pickle: never load it blindly. The authors' Ds_Denoising.pth is the same file, byte for byte.",
    ),
    "mdf_jpeg": Asset(
        kind="weights",
        role="MDF loss (JPEG)",
        licence="BSD-3-Clause",
        citation=_MUSTAFA,
        files=(
            File(
                "weights/Ds_JPEG.pth",
                "6eee1fbf452c7789db78cfd70de6ff375ed15efa9e48be34eb0bb88ed511ca46",
                2371665,
                urls=(f"{_MDF}/Ds_JPEG.pth",),
            ),
        ),
        note="A pickle: never load it blindly.",
    ),
    "niqe": Asset(
        kind="weights",
        role="metric NIQE",
        licence="as stated in the LIVE release",
        citation="Mittal et al., Making a completely blind image quality analyzer, SPL 20(3), 2013",
        files=(
            File(
                "weights/niqe_modelparameters.mat",
                "fa2aa4d12dd9595c3fb6bf8b4e1a15c79d5d1469238d0901c88dead195be578d",
                8347,
                urls=(f"{_VIDEO_QUALITY}/modelparameters.mat",),
            ),
        ),
    ),
    "inception_fid": Asset(
        kind="weights",
        role="metric FID",
        licence="Apache-2.0",
        citation="Szegedy et al., Rethinking the Inception architecture, CVPR 2016; ported by mseitzer/pytorch-fid",
        files=(
            File(
                "weights/pt_inception-2015-12-05-6726825d.pth",
                "6726825d",
                None,
                urls=(
                    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
                    "pt_inception-2015-12-05-6726825d.pth",
                    "https://huggingface.co/chaofengc/IQA-PyTorch-Weights/resolve/main/"
                    "pt_inception-2015-12-05-6726825d.pth",
                ),
            ),
        ),
        note="TensorFlow's Inception of 2015, which FID is defined on.",
    ),
}
