// The connection form in a page of its own, drawn by the rules of Airbyte's specification reference: `order` sorts,
// `group` makes cards, fields that are not required are folded away unless they have `always_show`, descriptions are
// HTML, and `pattern_descriptor` stands beside the title of a text. Required and secret fields are marked.

import Form from "@rjsf/core";
import validator from "@rjsf/validator-ajv8";
import React from "react";
import { createRoot } from "react-dom/client";

const { form, data, open } = window.shown;

/** How the library is told what Airbyte's keywords mean. */
function appearance(schema) {
  const found = { "ui:order": inOrder(schema.properties ?? {}) };
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    found[name] = {
      ...(field.oneOf ? alternatives(field) : {}),
      ...(field.airbyte_secret ? { "ui:widget": "password" } : {}),
      ...("const" in field || field.airbyte_hidden ? { "ui:widget": "hidden" } : {}),
      ...(typeof field.examples?.[0] === "string" ? { "ui:placeholder": field.examples[0] } : {}),
      ...(field.format === "date-time" ? { "ui:widget": "text" } : {}),
    };
  }
  return found;
}

const alternatives = (field) => ({ oneOf: field.oneOf.map(appearance) });

const inOrder = (properties) =>
  Object.keys(properties).sort((one, other) => properties[one].order - properties[other].order);

/**
 * With the keyword that says which alternative is chosen, without which the library guesses; and without examples, of
 * which it would make a list to choose from.
 */
function withDiscriminators(schema) {
  const properties = {};
  for (const [name, { examples, ...field }] of Object.entries(schema.properties ?? {})) {
    properties[name] = field;
    if (field.oneOf) {
      const propertyName = Object.keys(field.oneOf[0].properties).find((key) => "const" in field.oneOf[0].properties[key]);
      properties[name] = { ...field, discriminator: { propertyName }, oneOf: field.oneOf.map(withDiscriminators) };
    }
  }
  return schema.properties ? { ...schema, properties } : schema;
}

function Description({ id, description }) {
  return description ? <p id={id} className="description" dangerouslySetInnerHTML={{ __html: description }} /> : null;
}

const LOCK = "M4 7V5a4 4 0 0 1 8 0v2h1v8H3V7zm2 0h4V5a2 2 0 0 0-4 0z";

/** What stands behind a title: whether the field may be left out, and whether its value is hidden. */
function Marks({ required, secret }) {
  return (
    <>
      {required ? <span className="mark required">required</span> : <i>optional</i>}
      {secret && (
        <span className="mark secret">
          <svg viewBox="0 0 16 16">
            <path d={LOCK} />
          </svg>
          secret
        </span>
      )}
    </>
  );
}

function Field({ id, label, required, hidden, children, schema, rawDescription, rawErrors, displayLabel }) {
  if (hidden) return null;
  return (
    <div className={schema.oneOf ? "choice" : "field"}>
      {displayLabel && label && (
        <label htmlFor={id}>
          {label} <Marks required={required} secret={schema.airbyte_secret} />
          {schema.pattern_descriptor && <span className="form">{schema.pattern_descriptor}</span>}
        </label>
      )}
      {displayLabel && <Description description={rawDescription} />}
      {children}
      {rawErrors?.map((error) => <p key={error} className="error">{error}</p>)}
    </div>
  );
}

function Fields({ title, description, properties, schema, required }) {
  const card = (names, heading) => {
    const members = properties.filter(({ name, hidden }) => names.includes(name) && !hidden);
    const shown = members.filter(({ name }) => schema.required?.includes(name) || schema.properties[name].always_show);
    const folded = members.filter((member) => !shown.includes(member));
    return (
      <React.Fragment key={heading ?? names[0]}>
        {heading && <h2>{heading}</h2>}
        {shown.map(({ content }) => content)}
        {folded.length > 0 && (
          <details open={open}>
            <summary>Optional fields</summary>
            {folded.map(({ content }) => content)}
          </details>
        )}
      </React.Fragment>
    );
  };
  const names = properties.map(({ name }) => name);
  if (!schema.groups) {
    return (
      <div>
        <h3>
          {title} {schema.oneOf && <Marks required={required} />}
        </h3>
        <Description description={description} />
        {card(names)}
      </div>
    );
  }
  return schema.groups.map((group) => (
    <section key={group.id}>
      {card(names.filter((name) => schema.properties[name].group === group.id), group.title)}
    </section>
  ));
}

function List({ items, onAddClick, title, schema, required }) {
  return (
    <div className="list">
      <label>
        {title} <Marks required={required} />
      </label>
      <Description description={schema.description} />
      {items}
      <button type="button" onClick={onAddClick}>
        + {schema.items.title}
      </button>
    </div>
  );
}

const templates = {
  FieldTemplate: Field,
  ObjectFieldTemplate: Fields,
  ArrayFieldTemplate: List,
  ErrorListTemplate: () => null,
  ButtonTemplates: { SubmitButton: () => <button className="submit">Set up source</button> },
};

const schema = withDiscriminators(form);
createRoot(document.getElementById("root")).render(
  <Form
    schema={schema}
    uiSchema={appearance(form)}
    validator={validator}
    templates={templates}
    formData={data}
    noHtml5Validate
  />,
);
