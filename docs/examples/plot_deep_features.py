"""
============================
Digits on a map of two units
============================

A network whose last hidden layer has two units must describe each digit with two
numbers. These numbers give a map of the digits. On the map of this network, the ten
classes of held-out digits are separate; on the maps of PCA and linear discriminant
analysis, they overlap.
"""

# %%
# The map
# -------
# The pretrained layers of the network are fine-tuned with labels. ``transform`` returns
# the activations of the two units. They are linear (``activation="identity"``), so that
# the map has no edges. The list gives each layer its own prototype. The figure shows
# each held-out digit as a numeral.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)

settings = {"decoder_activation": "identity", "sparsity_weight": 0}
lower = SparseAutoencoder(activation="tanh", **settings)
last = SparseAutoencoder(activation="identity", **settings)
network = StackedAutoencoderClassifier(
    (64, 32, 2),
    autoencoder=[lower, lower, last],
    max_iter=1000,
    tol=1e-3,
    random_state=0,
).fit(X_train, y_train)

# Ten colors after Paul Tol's schemes for color-blind readers.
COLORS = ["#332288", "#CC6677", "#117733", "#DDAA33", "#AA4499"]
COLORS += ["#882255", "#44AA99", "#555555", "#999933", "#3399CC"]


def draw_map(places, axis):
    """Draw each held-out digit as its number."""
    for digit, color in enumerate(COLORS):
        x, y = places[y_test == digit].T
        axis.scatter(x, y, s=40, marker=f"${digit}$", linewidths=0.4, color=color)
    axis.set(xticks=[], yticks=[])
    axis.margins(0.03)


figure, axis = plt.subplots(figsize=(6.5, 4.6), layout="constrained")
draw_map(network.transform(X_test), axis)
axis.set_title("Held-out digits on the map of two units")
plt.show()

# %%
# Three maps
# ----------
# PCA uses no labels. Linear discriminant analysis (LDA) uses labels, as the network
# does. Ten nearest neighbors on the map classify held-out digits. Their accuracy
# measures how well the map separates the classes.

maps = {
    "PCA": PCA(2).fit(X_train),
    "LDA": LinearDiscriminantAnalysis(n_components=2).fit(X_train, y_train),
    "network, two units": network,
}
places, accuracies = {}, {}
print("Accuracy of ten nearest neighbors on the map, held-out digits")
for name, model in maps.items():
    scaler = StandardScaler().fit(model.transform(X_train))
    places[name] = scaler.transform(model.transform(X_test))
    neighbors = KNeighborsClassifier(10)
    neighbors.fit(scaler.transform(model.transform(X_train)), y_train)
    accuracies[name] = neighbors.score(places[name], y_test)
    print(f"  {name:20} {accuracies[name]:.3f}")
print(f"The network's own accuracy: {network.score(X_test, y_test):.3f}")

# %%
# The map of the network separates the classes, but the linear maps do not: two linear
# directions are too few for ten classes of digits.


figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for axis, name in zip(axes, ("PCA", "LDA"), strict=True):
    draw_map(places[name], axis)
    axis.set_title(f"{name}: {accuracies[name]:.0%} by ten nearest neighbors")
plt.show()
