"""
============================
Digits on a map of two units
============================

A network whose last hidden layer has two units must describe a digit by two numbers.
These numbers are a map of the digits. PCA and linear discriminant analysis make such
maps, too.
"""

# %%
# Three maps
# ----------
# PCA uses no labels. Linear discriminant analysis (LDA) uses labels, and so does the
# network, whose pretrained layers are fine-tuned. ``transform`` returns the activations
# of the two units. They are linear (``activation="identity"``), so that the map has no
# edges. The list gives each layer its own prototype.

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
maps = {
    "PCA": PCA(2),
    "LDA": LinearDiscriminantAnalysis(n_components=2),
    "network, two units": StackedAutoencoderClassifier(
        (64, 32, 2),
        autoencoder=[lower, lower, last],
        max_iter=1000,
        tol=1e-3,
        random_state=0,
    ),
}

# %%
# Accuracy on the maps
# --------------------
# Ten nearest neighbors on the map classify held-out digits. Their accuracy measures how
# well the map separates the classes.

places = {}
print("Accuracy of ten nearest neighbors on the map, held-out digits")
for name, model in maps.items():
    scaler = StandardScaler().fit(model.fit(X_train, y_train).transform(X_train))
    places[name] = scaler.transform(model.transform(X_test))
    neighbors = KNeighborsClassifier(10)
    neighbors.fit(scaler.transform(model.transform(X_train)), y_train)
    print(f"  {name:20} {neighbors.score(places[name], y_test):.3f}")
network = maps["network, two units"]
print(f"The network's own accuracy: {network.score(X_test, y_test):.3f}")

# %%
# The map of the network separates the classes, the linear maps do not: two linear
# directions are too few for ten classes of digits.

# %%
# The figure
# ----------
# The figure shows each held-out digit as its number.

colors = plt.get_cmap("tab10").colors
figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
for axis, (name, place) in zip(axes, places.items(), strict=True):
    for digit in range(10):
        axis.scatter(
            *place[y_test == digit].T,
            s=28,
            marker=f"${digit}$",
            linewidths=0.4,
            color=colors[digit],
        )
    axis.set(title=name, xticks=[], yticks=[])
    axis.margins(0.05)
plt.show()
