"""What the API's views share: queries that are checked, and rows that the request may see."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from typing_extensions import override

from ground.problems import Problem


def refuse_unknown_parameters(request: Request, known: set[str]) -> None:
    """Raise Problem 400 that names each query parameter that means nothing here."""
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        errors = [{"parameter": name, "detail": "There is no such parameter"} for name in unknown]
        raise Problem(400, "The request is not valid", errors)


class CheckedQuery:
    """Mixin of a view: a method or a query parameter that it does not know is refused."""

    http_method_names: Sequence[str] = ["get", "head", "post", "patch", "delete"]

    def known_parameters(self) -> set[str]:
        """Return the names of the query parameters of this action."""
        return set()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the method, then who asks, then the query."""
        if not hasattr(self, str(request.method).lower()) or str(request.method).lower() not in self.http_method_names:
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # APIView's
        refuse_unknown_parameters(request, self.known_parameters())


class Resource(CheckedQuery, viewsets.GenericViewSet[Any]):
    """A resource: filters and pages belong to its list alone."""

    filterset_class: Any = None

    @override
    def known_parameters(self) -> set[str]:
        """Return the filters and the paging of the list."""
        if self.action != "list":
            return set()
        filters = set(self.filterset_class.base_filters) if self.filterset_class else set()
        return filters | self.paging_parameters()

    def paging_parameters(self) -> set[str]:
        """Return the names of the parameters that move through the pages."""
        pages = self.pagination_class
        names = {getattr(pages, name, None) for name in ("page_query_param", "cursor_query_param")}
        return {name for name in (*names, getattr(pages, "page_size_query_param", None)) if name}

    @override
    def filter_queryset(self, queryset: Any) -> Any:
        """Filter the list; what is asked for by its name is not filtered."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset


class ReadResource(Resource, mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """A resource that can be listed and read one by one."""


class ChangeSerializer(serializers.ModelSerializer[Any]):
    """The part of a record that a request may change; a field that it does not know is refused."""

    class Meta:
        """Given by each."""

        model: type[Model]

    @override
    def to_internal_value(self, data: Any) -> Any:
        """Refuse unknown fields, so that a misspelt one never looks as if it had been stored."""
        refuse_unknown_fields(self, data)
        return super().to_internal_value(data)


def refuse_unknown_fields(serializer: serializers.Serializer[Any], data: object) -> None:
    """Raise ValidationError that names each field that can't be written."""
    if isinstance(data, dict):
        writable = {name for name, field in serializer.fields.items() if not field.read_only}
        unknown = {name: ["There is no such field"] for name in data if name not in writable}
        if unknown:
            raise serializers.ValidationError(unknown)
