#!/bin/bash
# Lays Debian's python3.13 out under ./usr/local as `make install` would have put it there.
set -euo pipefail
root=$PWD/usr/local
lib=$root/lib/python3.13
mkdir -p "$root/bin" "$root/include" "$lib"

cp -a /usr/lib/python3.13/. "$lib"
cp /usr/bin/python3.13 "$root/bin/"
ln -s python3.13 "$root/bin/python3"
ln -s python3 "$root/bin/python"

dpkg -x libpython3.13-dev_*.deb headers
cp -a headers/usr/include/python3.13 "$root/include/"
cp headers/usr/include/*/python3.13/pyconfig.h "$root/include/python3.13/"

# What embeds Python links with it
cp /usr/lib/*/libpython3.13.so.1.0 "$root/lib/"
ln -s libpython3.13.so.1.0 "$root/lib/libpython3.13.so"

# Debian's patches send packages to dist-packages and pip to apt: undo both. The module site is frozen into the
# interpreter and looks for dist-packages, which therefore is another name of site-packages
rm -f "$lib/EXTERNALLY-MANAGED" "$lib/sitecustomize.py"
mkdir -p "$lib/site-packages" "$lib/ensurepip/_bundled"
cp /usr/share/python-wheels/pip-*.whl "$lib/ensurepip/_bundled/"
sed -i "s/prefix_scheme = 'posix_local'/prefix_scheme = 'posix_prefix'/" "$lib/sysconfig/__init__.py"
ln -s site-packages "$lib/dist-packages"
sed -i 's/^    _ensurepip_is_disabled_in_debian_for_system()/    pass/' "$lib"/ensurepip/__init__.py

"$root/bin/python" "$(echo "$lib"/ensurepip/_bundled/pip-*.whl)/pip" install \
    --no-index --no-deps --no-compile --root-user-action=ignore "$lib"/ensurepip/_bundled/pip-*.whl
# The scripts were written for the place where Python was moved from
sed -i "1s|^#!.*|#!/usr/local/bin/python3.13|" "$root"/bin/pip*
find "$root" -depth -type d \( -name __pycache__ -o -name test -o -name tests \) -exec rm -rf {} +
