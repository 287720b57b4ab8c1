"""Addresses of the pages of access."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from pages.people import account, invitation, passwords, sign_in

urlpatterns = [
    path("sign-in/", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("password/", passwords.ChangePassword.as_view(), name="password"),
    path("password/forgotten/", passwords.forgotten, name="forgotten-password"),
    path("password/new/", passwords.new, name="new-password"),
    path("invitation/", invitation.invitation, name="invitation"),
    path("account/", account.account, name="account"),
    path("account/tokens/<int:number>/", account.revoke_token, name="revoke-token"),
]
